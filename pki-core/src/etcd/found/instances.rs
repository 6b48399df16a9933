//! Template units and their instances (systemd.unit(5)): `etcd@.service` and `etcd@n1.service`.

use std::collections::{BTreeMap, BTreeSet};

use crate::etcd::found::unit::Unit;

/// Puts an instance in the place of each template for which there is one: a folder of drop-ins of its own, or a link
/// that enables it. A template without instances stays.
pub(crate) fn of(units: Vec<Unit>, enabled: &BTreeSet<String>) -> Vec<Unit> {
    let (templates, mut others): (Vec<Unit>, Vec<Unit>) = units.into_iter().partition(Unit::is_template);
    for template in templates {
        let mut instances: BTreeMap<String, Option<Unit>> = BTreeMap::new();
        let is_instance = |name: &str| template_of(name).is_some_and(|own| own == template.name);
        for name in enabled.iter().filter(|name| is_instance(name)) {
            instances.insert(name.clone(), None);
        }
        let (own, rest): (Vec<Unit>, Vec<Unit>) =
            others.into_iter().partition(|unit| is_instance(&unit.name));
        others = rest;
        instances.extend(own.into_iter().map(|unit| (unit.name.clone(), Some(unit))));
        if instances.is_empty() {
            others.push(template);
            continue;
        }
        for (name, own) in instances {
            others.push(match own {
                // The instance has a unit file of its own, which stands above the template.
                Some(unit) if unit.main.is_some() => unit,
                own => template.instance(name, own),
            });
        }
    }
    others
}

/// The name of the template of an instance.
fn template_of(name: &str) -> Option<String> {
    let (stem, rest) = name.split_once('@')?;
    let (instance, kind) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{stem}@.{kind}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::etcd::found::unit::UnitFile;

    fn unit(name: &str, main: bool, drop_ins: &[&str]) -> Unit {
        let file = |path: &str| UnitFile::parse("[Service]\nUser=etcd\n", Path::new(path));
        Unit::new(name, main.then(|| file(name)), drop_ins.iter().map(|path| file(path)).collect())
    }

    fn names(units: &[Unit]) -> Vec<(&str, usize)> {
        units.iter().map(|unit| (unit.name.as_str(), unit.files.len())).collect()
    }

    #[test]
    fn instances_take_the_place_of_their_template() {
        let template = || unit("etcd@.service", true, &["etcd@.service.d/a.conf"]);
        assert_eq!(names(&of(vec![template()], &BTreeSet::new())), [("etcd@.service", 2)]);
        let enabled = BTreeSet::from(["etcd@n2.service".to_owned(), "other@x.service".to_owned()]);
        let own = unit("etcd@n1.service", false, &["etcd@n1.service.d/b.conf"]);
        let whole = unit("etcd@n3.service", true, &[]);
        let all = of(vec![template(), own, whole], &enabled);
        assert_eq!(names(&all), [("etcd@n1.service", 3), ("etcd@n2.service", 2), ("etcd@n3.service", 1)]);
        assert_eq!(all[0].expand("/etc/%i.conf").as_deref(), Some("/etc/n1.conf"));
        assert_eq!(template().expand("/etc/%i.conf"), None);
    }
}
