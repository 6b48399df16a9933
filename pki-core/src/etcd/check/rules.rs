//! The rules of all checks.

use crate::etcd::check::finding::Rule;
use crate::etcd::check::{doctor, forecast, import, observe, status, verify};

/// Every rule of every check, in the order of their numbers.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    doctor::rules()
        .chain(verify::RULES)
        .chain(status::RULES)
        .chain(import::RULES)
        .chain(observe::RULES)
        .chain(forecast::RULES)
}

/// The rule with the number `id`, in capital or small letters; `None` if no rule has it.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id.eq_ignore_ascii_case(id))
}
