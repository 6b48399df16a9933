//! `auth-token`: how users prove who they are after they have given their password.

use std::collections::BTreeMap;

use crate::etcd::start::refusal::{Refusal, RefusalKind};
use crate::etcd::start::values::Values;
use crate::go::duration;

/// The methods of signing, and whether they know only a secret key.
const METHODS: [(&str, bool); 12] = [
    ("ES256", false),
    ("ES384", false),
    ("ES512", false),
    ("HS256", true),
    ("HS384", true),
    ("HS512", true),
    ("PS256", false),
    ("PS384", false),
    ("PS512", false),
    ("RS256", false),
    ("RS384", false),
    ("RS512", false),
];

/// Why etcd does not take it (etcd, server/auth/store.go, `NewTokenProvider`; jwt.go and options.go). The files of keys
/// are not looked at.
pub(super) fn refusal(values: &Values<'_>) -> Option<Refusal> {
    let (text, setting) = values.given("auth-token")?;
    let problem = fault(text, values)?;
    let refusal = Refusal::of(RefusalKind::Value, setting, format!("{}: {problem}", setting.written));
    Some(refusal.saying("auth: invalid auth options"))
}

fn fault(text: &str, values: &Values<'_>) -> Option<String> {
    let mut parts = text.split(',');
    let kind = parts.next().unwrap_or_default();
    let mut options: BTreeMap<&str, &str> = BTreeMap::new();
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) if !value.contains('=') => (name, value),
            _ => return Some(format!("{part:?} is not of the form NAME=VALUE")),
        };
        if options.insert(name, value).is_some() {
            return Some(format!("{name:?} is there twice"));
        }
    }
    match kind {
        "" | "simple" => return None,
        "jwt" => {}
        _ => return Some(format!("{kind:?} is neither simple nor jwt")),
    }
    let option = |name: &str| options.get(name).copied().unwrap_or_default();
    if !option("ttl").is_empty() && duration::parse(option("ttl")).is_err() {
        return Some(format!("ttl {:?} is not a duration such as 5m", option("ttl")));
    }
    let is_edwards = option("sign-method") == "EdDSA" && values.version.has(6, 0);
    let known = METHODS.iter().find(|(name, _)| *name == option("sign-method"));
    let is_secret = match known {
        Some((_, is_secret)) => *is_secret,
        None if is_edwards => false,
        None => {
            let names = METHODS.map(|(name, _)| name).join(", ");
            return Some(format!("sign-method {:?} is not one of {names}", option("sign-method")));
        }
    };
    let has_private = !option("priv-key").is_empty();
    if is_secret && !has_private {
        return Some(format!("{} needs priv-key", option("sign-method")));
    }
    (!has_private && option("pub-key").is_empty())
        .then(|| format!("{} needs priv-key or pub-key", option("sign-method")))
}
