//! Which paths of a container are which paths of its host.

/// A folder or file of the host, or a volume, at a path of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The path in the container.
    pub(crate) inside: String,
    /// The path on the host; `None` if it is not on the host, or not known.
    pub(crate) source: Option<String>,
}

impl Mount {
    /// Reads a volume of a container engine: `SOURCE:PATH`, `SOURCE:PATH:OPTIONS` or `PATH`.
    pub(crate) fn of_volume(text: &str) -> Self {
        let mut parts = text.split(':');
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        match second {
            Some(inside) => {
                // Without a slash or a dot it is the name of a volume, which the engine keeps where it wants.
                let is_path = first.starts_with(['/', '.']);
                Self { inside: inside.to_owned(), source: is_path.then(|| first.to_owned()) }
            }
            None => Self { inside: first.to_owned(), source: None },
        }
    }

    /// Reads what `--mount` has: `type=bind,source=PATH,target=PATH`.
    pub(crate) fn of_list(text: &str) -> Option<Self> {
        let value = |names: &[&str]| {
            let mut pairs = text.split(',').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| names.contains(name)).map(|(_, value)| value.to_owned())
        };
        let is_bind = value(&["type"]).is_some_and(|kind| kind == "bind");
        let inside = value(&["target", "dst", "destination"])?;
        Some(Self { inside, source: value(&["source", "src"]).filter(|_| is_bind) })
    }
}

/// The path on the host of a path in a container; `None` if it is not on the host, or not known.
pub(crate) fn on_host(mounts: &[Mount], path: &str) -> Option<String> {
    let below = |mount: &Mount| {
        let inside = mount.inside.trim_end_matches('/');
        let rest = path.strip_prefix(inside)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((inside.len(), rest))
    };
    let found = mounts.iter().filter_map(|mount| Some((mount, below(mount)?)));
    let (mount, (_, rest)) = found.max_by_key(|(_, (length, _))| *length)?;
    let source = mount.source.as_deref()?;
    Some(format!("{}{rest}", source.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_counts() {
        let mounts = [
            Mount::of_volume("/srv/etcd:/etc/etcd:ro,z"),
            Mount::of_volume("keys:/etc/etcd/keys"),
            Mount::of_list("type=bind,src=/srv/one.pem,dst=/one.pem,readonly").unwrap(),
            Mount::of_list("type=volume,source=data,target=/data").unwrap(),
            Mount::of_volume("./certs:/certs"),
            Mount::of_volume("/anonymous"),
        ];
        let on_host = |path| on_host(&mounts, path);
        assert_eq!(on_host("/etc/etcd/ca.pem").as_deref(), Some("/srv/etcd/ca.pem"));
        assert_eq!(on_host("/etc/etcd/keys/x"), None);
        assert_eq!(on_host("/etc/etcdx"), None);
        assert_eq!(on_host("/one.pem").as_deref(), Some("/srv/one.pem"));
        assert_eq!(on_host("/data/x"), None);
        assert_eq!(on_host("/certs/a").as_deref(), Some("./certs/a"));
        assert_eq!(on_host("/anonymous/a"), None);
    }
}
