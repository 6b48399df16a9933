//! Reading ca-config JSON. The rules are those of cfssl's `config/config.go`, but a mistake that cfssl silently ignores
//! is an error here.

use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::base::suggest;
use crate::cfssl::csr_json::{duration_unless_empty, path_len};
use crate::cfssl::error::{Error, ErrorKind};
use crate::cfssl::notice::{Notice, NoticeKind, WithNotices};
use crate::cfssl::profile::{CaConstraint, CsrWhitelist, Profile};
use crate::go::json::{Node, Object};
use crate::x509::der::object_identifier;
use crate::x509::extension::{CertificatePolicy, PolicyQualifier};

/// The name of the default profile: in `signing` it is the key beside `profiles`.
const DEFAULT: &str = "default";

/// The profiles of a ca-config file.
///
/// ```
/// use pki_core::cfssl::Config;
///
/// let json = r#"{"signing": {"default": {"expiry": "8760h"}, "profiles": {
///     "peer": {"expiry": "8760h", "usages": ["signing", "server auth", "client auth"]}}}}"#;
/// let config = Config::from_json(json, None)?.value;
/// assert!(config.profile(Some("peer"))?.notices.is_empty());
/// assert!(config.profile(Some("Peer")).unwrap_err().to_string().contains("did you mean `peer`"));
/// # Ok::<(), pki_core::cfssl::Error>(())
/// ```
///
/// A profile with a mistake is kept as its error, because the others can be used: [`Config::profile`] returns it, and
/// [`Config::unusable`] tells it.
#[derive(Debug, Clone)]
pub struct Config {
    default: Result<Profile, Error>,
    profiles: BTreeMap<String, Result<Profile, Error>>,
}

/// The configuration that cfssl uses without a file: its built-in profile as the default, and no others.
impl Default for Config {
    fn default() -> Self {
        Profile::built_in().into()
    }
}

/// A configuration with a default profile and no others.
impl From<Profile> for Config {
    fn from(default: Profile) -> Self {
        Self { default: Ok(default), profiles: BTreeMap::new() }
    }
}

impl Config {
    /// Reads ca-config JSON. `file` is only for error messages. Unknown keys, and settings without an effect here, are
    /// notices.
    ///
    /// # Errors
    /// [`ErrorKind::JsonSyntax`] if the text is not JSON, [`ErrorKind::JsonType`] if a value outside the profiles has the
    /// wrong type, and other kinds if a value there, or one that profiles take over from `default`, is not allowed; each
    /// with its place.
    pub fn from_json(text: &str, file: Option<&Path>) -> Result<WithNotices<Self>, Error> {
        let root = Node::parse(text, file)?;
        let mut notices = Vec::new();
        let mut object = root.object()?;
        let auth_keys = names(&object.all("auth_keys"), check_auth_key)?;
        let remotes = names(&object.all("remotes"), |_| Ok(()))?;
        // Only the commands of cfssl's server use these settings.
        object.ignore("ocsp");
        let signing = object.all("signing");
        notices.extend(object.unknown().map(Notice::from));
        let Some(signing) = signing.last() else {
            return Err(ErrorKind::MissingKey { key: "signing" }.at(root.place()));
        };
        let context = Context { auth_keys, remotes };
        let mut object = signing.object()?;
        // Profiles take over settings of the default profile, but not its usages, so a mistake there is none of theirs.
        let (inherited, default) = match object.all("default").last() {
            Some(node) => {
                let settings = context.settings(node, &mut notices)?;
                if settings.remote.is_none() && settings.expiry.is_zero() {
                    return Err(ErrorKind::ZeroExpiry.at(node.place()));
                }
                (settings.clone(), usages(settings, node))
            }
            None => (Profile::built_in(), Ok(Profile::built_in())),
        };
        let mut profiles = BTreeMap::new();
        for nodes in object.all("profiles") {
            for (name, node) in nodes.members()?.into_iter().filter(|(name, node)| !is_comment(name, node)) {
                profiles.insert(name, context.profile(&node, &inherited, &mut notices));
            }
        }
        notices.extend(object.unknown().map(Notice::from));
        Ok(WithNotices { value: Self { default, profiles }, notices })
    }

    /// The profile with a name, or the default profile without one. `default` names the default profile too, unless a
    /// profile has that name. Where there are no profiles, every name means the default profile, with a notice.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownProfile`] if there are profiles and none has exactly that name, where cfssl would use the
    /// default, and the mistake in the profile, if it has one.
    pub fn profile(&self, name: Option<&str>) -> Result<WithNotices<&Profile>, Error> {
        let named = name.and_then(|name| self.profiles.get(name));
        let mut notices = Vec::new();
        if let Some(name) = name
            && named.is_none()
            && name != DEFAULT
        {
            if !self.profiles.is_empty() {
                let near = suggest::near(name, self.names()).map(str::to_owned);
                let known = self.names().map(str::to_owned).collect();
                return Err(ErrorKind::UnknownProfile { name: name.to_owned(), near, known }.into());
            }
            notices.push(Notice::new(NoticeKind::NoProfiles { name: name.to_owned() }));
        }
        match named.unwrap_or(&self.default) {
            Ok(value) => Ok(WithNotices { value, notices }),
            Err(error) => Err(error.clone()),
        }
    }

    /// A notice for each profile that cannot be used because of a mistake in it, but for the one that is `chosen`, as in
    /// [`Config::profile`].
    pub fn unusable(&self, chosen: Option<&str>) -> impl Iterator<Item = Notice> {
        let chosen = chosen.unwrap_or(DEFAULT);
        let default = (!self.profiles.contains_key(DEFAULT)).then_some((DEFAULT, &self.default));
        let all = self.profiles.iter().map(|(name, profile)| (name.as_str(), profile)).chain(default);
        all.filter(move |(name, _)| *name != chosen).filter_map(|(name, profile)| {
            let error = profile.as_ref().err()?;
            let kind =
                NoticeKind::UnusableProfile { name: name.to_owned(), reason: error.kind().to_string() };
            Some(Notice::new(kind).at(error.place().clone()))
        })
    }

    /// The names of all profiles but the default, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }
}

/// Whether a member among named objects is a comment: its name begins with `_`, and its value is no object.
fn is_comment(name: &str, value: &Node<'_>) -> bool {
    name.starts_with('_') && value.object().is_err()
}

/// The keys of an object whose values pass `check`.
fn names(nodes: &[Node<'_>], check: impl Fn(&Node<'_>) -> Result<(), Error>) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for node in nodes {
        for (name, value) in node.members()?.into_iter().filter(|(name, value)| !is_comment(name, value)) {
            check(&value)?;
            names.push(name);
        }
    }
    Ok(names)
}

fn check_auth_key(node: &Node<'_>) -> Result<(), Error> {
    let mut object = node.object()?;
    let kind = object.text("type")?.unwrap_or_default();
    if kind != "standard" {
        return Err(ErrorKind::AuthKey { reason: "its type is not \"standard\"" }.at(node.place()));
    }
    let key = object.text("key")?.unwrap_or_default();
    // The value may be the name of a file or of an environment variable that has the key.
    let named = key.starts_with("file:") || key.starts_with("env:");
    if !named && (key.len() % 2 != 0 || !key.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err(ErrorKind::AuthKey { reason: "it is not hexadecimal" }.at(node.place()));
    }
    Ok(())
}

/// The names to which profiles may refer.
struct Context {
    auth_keys: Vec<String>,
    remotes: Vec<String>,
}

impl Context {
    /// A named profile, with what it takes over from the default profile.
    fn profile(
        &self,
        node: &Node<'_>,
        inherited: &Profile,
        notices: &mut Vec<Notice>,
    ) -> Result<Profile, Error> {
        let mut profile = usages(self.settings(node, notices)?, node)?;
        if profile.remote.is_some() {
            return Ok(profile);
        }
        inherit(&mut profile, inherited);
        if profile.has_usages() { Ok(profile) } else { Err(ErrorKind::NoUsages.at(node.place())) }
    }

    /// A profile without its usages.
    fn settings(&self, node: &Node<'_>, notices: &mut Vec<Notice>) -> Result<Profile, Error> {
        let mut object = node.object()?;
        let mut profile = Profile::default();
        object.ignore("usages");
        validity(&mut object, &mut profile)?;
        profile.ca_constraint = ca_constraint(&object.all("ca_constraint"), notices)?;
        profile.crl_url = object.text("crl_url")?.filter(|url| !url.is_empty());
        profile.ocsp_url = object.text("ocsp_url")?.filter(|url| !url.is_empty());
        profile.issuer_urls = object.texts("issuer_urls")?.unwrap_or_default();
        profile.ocsp_no_check = object.boolean("ocsp_no_check")?;
        profile.copy_extensions = object.boolean("copy_extensions")?;
        for node in object.all("CSRWhitelist") {
            profile.csr_whitelist = Some(csr_whitelist(&node, notices)?);
        }
        profile.name_whitelist = object.last("name_whitelist", regex)?.flatten();
        for list in object.all("policies") {
            profile.policies =
                list.items()?.iter().map(|node| policy(node, notices)).collect::<Result<_, _>>()?;
        }
        for list in object.all("allowed_extensions") {
            for item in list.items()? {
                object_identifier(&item.text()?).map_err(|kind| Error::from(kind).at(item.place()))?;
            }
        }
        self.remote(&mut object, &mut profile, notices)?;
        // Only cfssl's server uses these settings.
        for field in ["name", "cert_store", "prev_auth_key"] {
            object.ignore(field);
        }
        for field in [
            "ct_log_servers",
            "lint_error_level",
            "ignored_lints",
            "ignored_lint_sources",
            "ClientProvidesSerialNumbers",
        ] {
            notices.extend(
                object.all(field).iter().map(|node| Notice::new(NoticeKind::NoEffect).at(node.place())),
            );
        }
        notices.extend(object.unknown().map(Notice::from));
        if profile.remote.is_none() && profile.expiry_text.is_empty() {
            return Err(ErrorKind::MissingKey { key: "expiry" }.at(node.place()));
        }
        Ok(profile)
    }

    fn remote(
        &self,
        object: &mut Object<'_>,
        profile: &mut Profile,
        notices: &mut Vec<Notice>,
    ) -> Result<(), Error> {
        let known = |node: &Node<'_>, names: &[String], section: &'static str| {
            let name = node.text()?;
            if name.is_empty() || names.contains(&name) {
                return Ok(name);
            }
            Err(ErrorKind::UnknownReference { name, section }.at(node.place()))
        };
        object.last("auth_key", |node| known(node, &self.auth_keys, "auth_keys"))?;
        profile.remote = object
            .last("remote", |node| known(node, &self.remotes, "remotes"))?
            .filter(|name| !name.is_empty());
        for node in object.all("auth_remote") {
            let mut auth = node.object()?;
            auth.last("auth_key", |node| known(node, &self.auth_keys, "auth_keys"))?;
            let remote = auth.last("remote", |node| known(node, &self.remotes, "remotes"))?;
            notices.extend(auth.unknown().map(Notice::from));
            if profile.remote.is_some() {
                return Err(ErrorKind::RemoteTwice.at(node.place()));
            }
            profile.remote = remote;
        }
        Ok(())
    }
}

/// The profile with the usages that `node` gives it.
fn usages(mut profile: Profile, node: &Node<'_>) -> Result<Profile, Error> {
    if let Some(list) = node.object()?.all("usages").last() {
        for usage in list.items()? {
            profile.add_usage(&usage.text()?).map_err(|kind| kind.at(usage.place()))?;
        }
    }
    Ok(profile)
}

fn validity(object: &mut Object<'_>, profile: &mut Profile) -> Result<(), Error> {
    for node in object.all("expiry") {
        profile.expiry_text = node.text()?;
        profile.expiry = duration_unless_empty(&node)?.unwrap_or_default();
        if profile.expiry.is_negative() {
            return Err(ErrorKind::NegativeDuration { text: profile.expiry_text.clone() }.at(node.place()));
        }
    }
    profile.backdate = object.last("backdate", duration_unless_empty)?.flatten().filter(|d| !d.is_zero());
    profile.not_before = object.last("not_before", date)?.flatten();
    profile.not_after = object.last("not_after", date)?.flatten();
    Ok(())
}

/// Reads a moment of RFC 3339. `None` for the year 1, which is Go's zero time and means that no date was set.
fn date(node: &Node<'_>) -> Result<Option<OffsetDateTime>, Error> {
    let text = node.text()?;
    match OffsetDateTime::parse(&text, &Rfc3339) {
        Ok(date) => Ok((date.year() != 1).then_some(date)),
        Err(_) => Err(ErrorKind::NotADate { text }.at(node.place())),
    }
}

fn ca_constraint(nodes: &[Node<'_>], notices: &mut Vec<Notice>) -> Result<Option<CaConstraint>, Error> {
    let Some(node) = nodes.last() else { return Ok(None) };
    let mut object = node.object()?;
    let is_ca = object.boolean("is_ca")?;
    let zero = object.boolean("max_path_len_zero")?;
    let path_len = object.last("max_path_len", path_len)?.flatten().or(zero.then_some(0));
    notices.extend(object.unknown().map(Notice::from));
    Ok(is_ca.then_some(CaConstraint { path_len }))
}

fn csr_whitelist(node: &Node<'_>, notices: &mut Vec<Notice>) -> Result<CsrWhitelist, Error> {
    let mut object = node.object()?;
    // These two have no effect: the algorithms follow from the keys of the certificate and of the CA.
    object.ignore("PublicKeyAlgorithm");
    object.ignore("SignatureAlgorithm");
    let whitelist = CsrWhitelist {
        subject: object.boolean("Subject")?,
        public_key: object.boolean("PublicKey")?,
        dns_names: object.boolean("DNSNames")?,
        ip_addresses: object.boolean("IPAddresses")?,
        email_addresses: object.boolean("EmailAddresses")?,
        uris: object.boolean("URIs")?,
    };
    notices.extend(object.unknown().map(Notice::from));
    Ok(whitelist)
}

fn regex(node: &Node<'_>) -> Result<Option<Regex>, Error> {
    let text = node.text()?;
    if text.is_empty() {
        return Ok(None);
    }
    Regex::new(&text).map(Some).map_err(|_| ErrorKind::Regex { text }.at(node.place()))
}

fn policy(node: &Node<'_>, notices: &mut Vec<Notice>) -> Result<CertificatePolicy, Error> {
    let mut object = node.object()?;
    let id = object
        .last("id", |id| object_identifier(&id.text()?).map_err(|kind| Error::from(kind).at(id.place())))?
        .ok_or_else(|| ErrorKind::MissingKey { key: "id" }.at(node.place()))?;
    let mut qualifiers = Vec::new();
    for list in object.all("qualifiers") {
        qualifiers = list.items()?.iter().map(|node| qualifier(node, notices)).collect::<Result<_, _>>()?;
    }
    notices.extend(object.unknown().map(Notice::from));
    Ok(CertificatePolicy { id, qualifiers })
}

fn qualifier(node: &Node<'_>, notices: &mut Vec<Notice>) -> Result<PolicyQualifier, Error> {
    let mut object = node.object()?;
    let value = object.text("value")?.unwrap_or_default();
    let kind = object.text("type")?.unwrap_or_default();
    notices.extend(object.unknown().map(Notice::from));
    match kind.as_str() {
        "id-qt-cps" => Ok(PolicyQualifier::Cps(value)),
        "id-qt-unotice" => Ok(PolicyQualifier::UserNotice(value)),
        other => Err(ErrorKind::PolicyQualifier { kind: other.to_owned() }.at(node.place())),
    }
}

/// Fills fields of a named profile from the default profile.
fn inherit(profile: &mut Profile, default: &Profile) {
    if profile.expiry.is_zero() {
        profile.expiry = default.expiry;
    }
    if profile.crl_url.is_none() {
        profile.crl_url.clone_from(&default.crl_url);
    }
    if profile.ocsp_url.is_none() {
        profile.ocsp_url.clone_from(&default.ocsp_url);
    }
    if profile.issuer_urls.is_empty() {
        profile.issuer_urls.clone_from(&default.issuer_urls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stand_anywhere_also_among_names() {
        let json = r#"{"_a": 1, "auth_keys": {"_b": "x"}, "remotes": {"_c": "x"}, "signing": {"_d": [],
            "default": {"_e": {}, "expiry": "1h", "usages": ["signing"]},
            "profiles": {"_f": "no profile", "_g": null, "_h": {"expiry": "1h", "usages": ["signing"]}}}}"#;
        let config = Config::from_json(json, None).unwrap();
        assert!(config.notices.is_empty(), "{:?}", config.notices);
        assert_eq!(config.value.names().collect::<Vec<_>>(), ["_h"]);
        let json = r#"{"auth_keys": {"b": "x"}, "signing": {}}"#;
        assert!(Config::from_json(json, None).unwrap_err().to_string().starts_with("1:21: auth_keys.b: "));
    }

    #[test]
    fn what_has_no_effect_and_what_is_unknown_is_told_at_every_depth() {
        let json = r#"{"signing": {"default": {"expiry": "1h", "usages": ["signing"], "ct_log_servers": [],
            "CSRWhitelist": {"PublicKey": true, "DNSName": true},
            "policies": [{"id": "1.2.3", "qualifers": []}]}}}"#;
        let notices = Config::from_json(json, None).unwrap().notices;
        let texts: Vec<_> = notices.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        for part in
            ["did you mean `DNSNames`", "did you mean `qualifiers`", "ct_log_servers: it has no effect"]
        {
            assert!(texts.iter().any(|text| text.contains(part)), "{part}: {texts:?}");
        }
    }

    fn read(json: &str) -> Result<WithNotices<Config>, String> {
        Config::from_json(json, Some(Path::new("c.json"))).map_err(|error| error.to_string())
    }

    /// The default profile of a ca-config with one more member in it.
    fn with(member: &str) -> Result<Profile, String> {
        let json = format!(r#"{{"signing":{{"default":{{"expiry":"1h","usages":["signing"],{member}}}}}}}"#);
        let profile = read(&json)?.value.profile(None).map(|one| one.value.clone());
        profile.map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_config_may_not_say_is_told_with_its_place() {
        for (json, message) in [
            ("", "c.json:1:0: EOF while parsing a value"),
            ("null", "c.json:1:1: expected an object, found null"),
            ("[]", "c.json:1:1: expected an object, found a list"),
            ("{}", "c.json:1:1: the key `signing` is missing"),
            (r#"{"signing": null}"#, "c.json:1:1: the key `signing` is missing"),
            (r#"{"signing": 1}"#, "c.json:1:13: signing: expected an object, found a number"),
            (r#"{"signing": {"default": {}}}"#, "c.json:1:25: signing.default: the key `expiry` is missing"),
            (
                r#"{"signing": {"default": {"expiry": "0"}}}"#,
                "c.json:1:25: signing.default: the expiry is 0: the certificate would never be valid",
            ),
            (
                r#"{"auth_keys": {"k": {"key": "00"}}, "signing": {}}"#,
                "c.json:1:21: auth_keys.k: this authentication key cannot be used: its type is not \"standard\"",
            ),
            (
                r#"{"auth_keys": {"k": {"type": "standard", "key": "0"}}, "signing": {}}"#,
                "c.json:1:21: auth_keys.k: this authentication key cannot be used: it is not hexadecimal",
            ),
            (
                r#"{"auth_keys": {"k": {"type": "standard", "key": "0x"}}, "signing": {}}"#,
                "c.json:1:21: auth_keys.k: this authentication key cannot be used: it is not hexadecimal",
            ),
        ] {
            assert_eq!(read(json).unwrap_err(), message);
        }
        for taken in ["file:k", "env:K", "00fF", ""] {
            let json = format!(
                r#"{{"auth_keys": {{"k": {{"type": "standard", "key": "{taken}"}}}}, "signing": {{}}}}"#
            );
            assert!(read(&json).is_ok(), "{taken}");
        }
    }

    #[test]
    fn what_a_profile_may_not_say_is_told() {
        for (member, message) in [
            (r#""usages":["sining"]"#, "there is no usage \"sining\": did you mean `signing`?"),
            (r#""usages":["signing",""]"#, "there is no usage \"\""),
            (r#""usages":"signing""#, "expected a list, found a string"),
            (r#""expiry":"-1h""#, "\"-1h\" is negative: the certificate would end before it begins"),
            (r#""expiry":"1""#, "missing unit in duration \"1\""),
            (r#""expiry":1"#, "expected a string, found a number"),
            (r#""backdate":"1w""#, "unknown unit \"w\" in duration \"1w\""),
            (r#""not_before":"2026""#, "\"2026\" is not a date in the format of RFC 3339"),
            (r#""not_after":"2026-01-01""#, "\"2026-01-01\" is not a date in the format of RFC 3339"),
            (r#""name_whitelist":"(""#, "\"(\" is not a regular expression"),
            (r#""policies":[{}]"#, "the key `id` is missing"),
            (r#""policies":[{"id":"x"}]"#, "\"x\" is not an object identifier"),
            (
                r#""policies":[{"id":"1.2.3","qualifiers":[{"type":"id-qt-x"}]}]"#,
                "\"id-qt-x\" is not a type of policy qualifier",
            ),
            (r#""allowed_extensions":["1.2.3","1"]"#, "\"1\" is not an object identifier"),
            (r#""auth_key":"k""#, "there is no \"k\" in the `auth_keys` section"),
            (r#""remote":"r""#, "there is no \"r\" in the `remotes` section"),
            (r#""auth_remote":{"auth_key":"k"}"#, "there is no \"k\" in the `auth_keys` section"),
            (r#""auth_remote":{"remote":"r"}"#, "there is no \"r\" in the `remotes` section"),
            (r#""ca_constraint":{"is_ca":true,"max_path_len":-2}"#, "-2 is not a path length"),
            (r#""ca_constraint":{"is_ca":true,"max_path_len":256}"#, "256 is not a path length"),
            (r#""ca_constraint":{"is_ca":1}"#, "expected true or false, found a number"),
            (r#""CSRWhitelist":{"Subject":"x"}"#, "expected true or false, found a string"),
            (r#""copy_extensions":0"#, "expected true or false, found a number"),
        ] {
            let error = with(member).unwrap_err();
            assert!(error.starts_with("c.json:1:") && error.contains("signing.default"), "{error}");
            assert!(error.ends_with(&format!(": {message}")), "{member}: {error}");
        }
        let twice =
            r#"{"remotes":{"r":"h"},"signing":{"default":{"expiry":"1h","remote":"r","auth_remote":{}}}}"#;
        assert!(read(twice).unwrap_err().ends_with("`remote` and `auth_remote` exclude each other"));
    }

    #[test]
    fn what_a_profile_says_is_read() {
        let date = |text| OffsetDateTime::parse(text, &Rfc3339).unwrap();
        let profile = with(
            r#""usages":["signing","server auth","cert sign","s/mime"],"expiry":"2d","backdate":"1h",
            "not_before":"2026-01-01T00:00:00Z","not_after":"2027-01-01T01:00:00+01:00",
            "ca_constraint":{"is_ca":true,"max_path_len":3},"crl_url":"c","ocsp_url":"o","issuer_urls":["i","j"],
            "ocsp_no_check":true,"copy_extensions":true,"name_whitelist":"^a$",
            "CSRWhitelist":{"Subject":true,"PublicKey":true,"IPAddresses":true,"SignatureAlgorithm":true},
            "policies":[{"id":"1.2.3","qualifiers":[{"type":"id-qt-cps","value":"v"},{"type":"id-qt-unotice"}]}]"#,
        );
        let profile = profile.unwrap();
        assert_eq!(profile.usage_names, ["signing", "server auth", "cert sign", "s/mime"]);
        use crate::x509::usage::KeyUsage;
        assert_eq!(profile.key_usage, KeyUsage::DIGITAL_SIGNATURE.and(KeyUsage::KEY_CERT_SIGN));
        use crate::x509::oid;
        assert_eq!(profile.extended_key_usage, [oid::SERVER_AUTH, oid::EMAIL_PROTECTION]);
        assert_eq!((profile.expiry, profile.expiry_text.as_str()), (time::Duration::days(2), "2d"));
        assert_eq!(profile.backdate, Some(time::Duration::HOUR));
        assert_eq!(profile.not_before, Some(date("2026-01-01T00:00:00Z")));
        assert_eq!(profile.not_after, Some(date("2027-01-01T00:00:00Z")));
        assert_eq!(profile.ca_constraint, Some(CaConstraint { path_len: Some(3) }));
        assert_eq!((profile.crl_url.as_deref(), profile.ocsp_url.as_deref()), (Some("c"), Some("o")));
        assert_eq!(profile.issuer_urls, ["i", "j"]);
        assert!(profile.ocsp_no_check && profile.copy_extensions);
        assert!(profile.name_whitelist.unwrap().is_match("a"));
        let whitelist =
            CsrWhitelist { subject: true, public_key: true, ip_addresses: true, ..CsrWhitelist::default() };
        assert_eq!(profile.csr_whitelist, Some(whitelist));
        let qualifiers = vec![PolicyQualifier::Cps("v".into()), PolicyQualifier::UserNotice(String::new())];
        assert_eq!(
            profile.policies,
            [CertificatePolicy { id: object_identifier("1.2.3").unwrap(), qualifiers }]
        );

        // What is left out, empty or Go's zero.
        let profile = with(
            r#""crl_url":"","ocsp_url":"","backdate":"0","not_before":"0001-01-01T00:00:00Z","name_whitelist":"",
            "auth_key":"","remote":"","ca_constraint":{"max_path_len":1}"#,
        );
        let profile = profile.unwrap();
        assert_eq!((profile.crl_url, profile.ocsp_url, profile.backdate), (None, None, None));
        assert!(profile.not_before.is_none() && profile.name_whitelist.is_none() && profile.remote.is_none());
        assert_eq!(profile.ca_constraint, None);
        assert!(!profile.ocsp_no_check && !profile.copy_extensions && profile.csr_whitelist.is_none());
    }

    #[test]
    fn path_lengths_have_a_key_for_zero() {
        for (members, path_len) in [
            ("", None),
            (r#","max_path_len":0"#, None),
            (r#","max_path_len":-1"#, None),
            (r#","max_path_len_zero":true"#, Some(0)),
            (r#","max_path_len":0,"max_path_len_zero":true"#, Some(0)),
            (r#","max_path_len":2,"max_path_len_zero":true"#, Some(2)),
            (r#","max_path_len":255"#, Some(255)),
        ] {
            let profile = with(&format!(r#""ca_constraint":{{"is_ca":true{members}}}"#)).unwrap();
            assert_eq!(profile.ca_constraint, Some(CaConstraint { path_len }), "{members}");
        }
    }

    #[test]
    fn a_named_profile_inherits_from_the_default() {
        let json = r#"{"remotes": {"r": "h"}, "signing": {
            "default": {"expiry": "5h", "usages": ["signing"], "crl_url": "c", "ocsp_url": "o", "issuer_urls": ["i"]},
            "profiles": {
                "bare": {"expiry": "0s", "usages": ["client auth"]},
                "own": {"expiry": "1h", "usages": ["signing"], "crl_url": "C", "ocsp_url": "O", "issuer_urls": ["I"]},
                "far": {"remote": "r"}}}}"#;
        let config = read(json).unwrap().value;
        let urls = |profile: &Profile| {
            (profile.crl_url.clone().unwrap(), profile.ocsp_url.clone().unwrap(), profile.issuer_urls.clone())
        };
        let bare = config.profile(Some("bare")).unwrap().value;
        assert_eq!(
            (bare.expiry, urls(bare)),
            (time::Duration::hours(5), ("c".into(), "o".into(), vec!["i".into()]))
        );
        assert!(bare.key_usage.is_empty(), "usages are its own");
        let own = config.profile(Some("own")).unwrap().value;
        assert_eq!(
            (own.expiry, urls(own)),
            (time::Duration::HOUR, ("C".into(), "O".into(), vec!["I".into()]))
        );
        let far = config.profile(Some("far")).unwrap().value;
        assert_eq!(
            (far.remote.as_deref(), far.crl_url.as_deref(), far.expiry.is_zero()),
            (Some("r"), None, true)
        );
        assert_eq!(config.names().collect::<Vec<_>>(), ["bare", "far", "own"]);
        let own = Profile::built_in();
        assert_eq!(own.usage_names, ["signing", "key encipherment", "server auth", "client auth"]);
        assert_eq!((own.expiry, own.expiry_text.as_str()), (time::Duration::hours(8760), "8760h"));
        // Without a default it is cfssl's own.
        let built_in = read(r#"{"signing": {"profiles": {}}}"#).unwrap().value;
        assert_eq!(built_in.profile(None).unwrap().value.expiry, time::Duration::hours(8760));
    }

    /// docs/cfssl.md, 3.
    #[test]
    fn an_unknown_profile_is_an_error_and_not_the_default() {
        let config = read(
            r#"{"signing": {"profiles": {"peer": {"expiry": "1h", "usages": ["signing"]},
                "client": {"expiry": "1h", "usages": ["signing"]}}}}"#,
        )
        .unwrap()
        .value;
        let refused = |config: &Config, name| config.profile(Some(name)).unwrap_err().to_string();
        assert_eq!(refused(&config, "per"), "there is no profile \"per\": did you mean `peer`?");
        assert_eq!(refused(&config, "Peer"), "there is no profile \"Peer\": did you mean `peer`?");
        assert_eq!(
            refused(&config, "kubernetes"),
            "there is no profile \"kubernetes\": there are client, peer"
        );
        // Without profiles, nothing else can be meant.
        let built_in = Config::default();
        let default = built_in.profile(Some("peer")).unwrap();
        assert_eq!(default.value.expiry_text, "8760h");
        assert_eq!(default.notices, [Notice::new(NoticeKind::NoProfiles { name: "peer".into() })]);
        for named in [None, Some("default")] {
            let default = config.profile(named).unwrap();
            assert_eq!((default.value.expiry_text.as_str(), default.notices.len()), ("8760h", 0));
        }
    }

    /// docs/cfssl.md, 5.
    #[test]
    fn a_mistake_in_a_profile_is_an_error_where_it_is_used() {
        for (profile, message) in [
            (r#"{"usages": ["signing"]}"#, "c.json:2:18: signing.profiles.p: the key `expiry` is missing"),
            (r#"{"expiry": "1h"}"#, "c.json:2:18: signing.profiles.p: the profile has no usages"),
            (
                r#"{"expiry": "1h", "usages": ["sining"]}"#,
                "c.json:2:46: signing.profiles.p.usages[0]: there is no usage \"sining\": did you mean `signing`?",
            ),
        ] {
            let json = format!(
                "{{\"signing\": {{\"profiles\": {{\n            \"p\": {profile}, \
                 \"q\": {{\"expiry\": \"1h\", \"usages\": [\"signing\"]}}}}}}}}"
            );
            let config = read(&json).unwrap().value;
            assert_eq!(config.profile(Some("p")).unwrap_err().to_string(), message);
            assert!(config.profile(Some("q")).unwrap().notices.is_empty());
            let told = |chosen| config.unusable(chosen).map(|notice| notice.to_string()).collect::<Vec<_>>();
            assert!(told(Some("p")).is_empty());
            let (place, reason) = message.split_at(message.rfind("p: ").map_or(0, |end| end + 3));
            let (place, reason) = match place {
                "" => message.split_at(message.find("[0]: ").unwrap() + 5),
                _ => (place, reason),
            };
            let expected = format!("{place}the profile \"p\" cannot be used: {reason}");
            assert_eq!([told(Some("q")), told(None)], [[expected.clone()], [expected]]);
        }
        // Profiles take over nothing of the default's usages, so they can be used though those are wrong.
        let json = r#"{"signing": {"default": {"expiry": "2h", "usages": ["sining"]},
            "profiles": {"p": {"expiry": "0s", "usages": ["signing"]}}}}"#;
        let config = read(json).unwrap().value;
        assert_eq!(config.profile(Some("p")).unwrap().value.expiry, time::Duration::hours(2));
        assert!(config.profile(None).is_err() && config.profile(Some("default")).is_err());
        assert_eq!(config.unusable(Some("p")).count(), 1);
        assert_eq!(config.unusable(None).count(), 0);
    }

    #[test]
    fn settings_without_effect_are_told_one_by_one() {
        for setting in [
            "ct_log_servers",
            "lint_error_level",
            "ignored_lints",
            "ignored_lint_sources",
            "ClientProvidesSerialNumbers",
        ] {
            let json = format!(
                r#"{{"signing":{{"default":{{"expiry":"1h","usages":["signing"],"{setting}":"error"}}}}}}"#
            );
            let notices = Config::from_json(&json, None).unwrap().notices;
            let texts: Vec<_> = notices.iter().map(ToString::to_string).collect();
            assert!(
                texts.len() == 1 && texts[0].ends_with(&format!("{setting}: it has no effect here")),
                "{texts:?}"
            );
        }
        // What only cfssl's server reads is passed over.
        let json = r#"{"ocsp": 1, "signing": {"default": {"expiry": "1h", "usages": ["signing"], "name": 1,
            "cert_store": 2, "prev_auth_key": 3, "CSRWhitelist": {"PublicKeyAlgorithm": true}}}}"#;
        assert_eq!(read(json).unwrap().notices, []);
    }
}
