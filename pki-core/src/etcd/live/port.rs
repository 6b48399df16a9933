//! One port of a member: the connection to it, the handshake, and the questions over it.

use std::io;

use crate::etcd::live::connect::{Connection, Endpoint, words};
use crate::etcd::live::http::{self, Answer};
use crate::etcd::live::{Clock, Verdict};
use crate::tls::{Greeting, Identity, NoSession, Session, Show, Version, alert_in, greet};

/// What was seen of a port.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SeenPort {
    /// The endpoint that was tried last; `None` if the member has none.
    pub endpoint: Option<Endpoint>,
    /// What the member showed in the handshake; `None` without TLS, or without an answer.
    pub greeting: Option<Greeting>,
    /// Why the port could not be looked at.
    pub no_answer: Option<NoAnswer>,
    /// Whether it speaks HTTP without TLS.
    pub is_plaintext: bool,
    /// The TLS alert with which it refused the certificate that it was shown, or that it was shown none.
    pub refusal: Option<String>,
}

/// Why nothing is known of a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{endpoint}: {why}")]
#[non_exhaustive]
pub struct NoAnswer {
    /// The endpoint.
    pub endpoint: String,
    /// What went wrong, in words.
    pub why: String,
}

impl SeenPort {
    /// Why the port could not be looked at, in words.
    pub(super) fn problem(&self) -> Option<String> {
        self.no_answer.as_ref().map(ToString::to_string)
    }
}

/// A connection over which a member can be asked.
pub(super) enum Asking {
    Tls(Box<Session<Connection>>, String),
    Plain(Connection, String),
}

impl Asking {
    pub(super) fn get(&mut self, path: &str) -> io::Result<Answer> {
        match self {
            Self::Tls(session, host) => http::get(session, host, path),
            Self::Plain(connection, host) => http::get(connection, host, path),
        }
    }

    /// The alert that explains an error of [`Self::get`], if there is one.
    pub(super) fn alert(&mut self, error: &io::Error) -> Option<String> {
        let Self::Tls(session, _) = self else { return None };
        alert_in(error).or_else(|| session.last_alert())
    }
}

/// Looks at a port, and hangs up.
pub(super) fn look_at(endpoints: &[Endpoint], show: Show<'_>, clock: &Clock) -> SeenPort {
    open(endpoints, show, clock).0
}

/// Looks at the first endpoint that answers. The connection is there if the handshake has succeeded.
pub(super) fn open(endpoints: &[Endpoint], show: Show<'_>, clock: &Clock) -> (SeenPort, Option<Asking>) {
    let mut last = SeenPort::default();
    for endpoint in endpoints {
        let (seen, asking) = open_one(endpoint, show, clock);
        if seen.no_answer.is_none() {
            return (seen, asking);
        }
        last = seen;
    }
    (last, None)
}

fn open_one(endpoint: &Endpoint, show: Show<'_>, clock: &Clock) -> (SeenPort, Option<Asking>) {
    let mut seen = SeenPort { endpoint: Some(endpoint.clone()), ..SeenPort::default() };
    let no_answer = |why: String| Some(NoAnswer { endpoint: endpoint.to_string(), why });
    let connection = match Connection::open(endpoint, clock.deadline) {
        Ok(connection) => connection,
        Err(error) => {
            seen.no_answer = no_answer(words(&error));
            return (seen, None);
        }
    };
    let (greeting, session) = greet(connection, &endpoint.host, show, None);
    let has_greeted = !greeting.chain.is_empty();
    seen.greeting = has_greeted.then_some(greeting);
    match session {
        Ok(session) => return (seen, Some(Asking::Tls(Box::new(session), host(endpoint)))),
        Err(NoSession::Alert { alert }) if has_greeted => seen.refusal = Some(alert),
        // What listens without TLS answers a handshake with an error in plain text, or hangs up.
        Err(error) if !has_greeted => {
            if let Some(plain) = plain(endpoint, clock) {
                seen.is_plaintext = true;
                return (seen, Some(plain));
            }
            seen.no_answer = no_answer(match error {
                NoSession::Io(error) => words(&error),
                other => other.to_string(),
            });
        }
        Err(NoSession::Io(error)) => seen.no_answer = no_answer(words(&error)),
        Err(error) => seen.no_answer = no_answer(error.to_string()),
    }
    (seen, None)
}

/// A connection without TLS, if that is what the port speaks.
fn plain(endpoint: &Endpoint, clock: &Clock) -> Option<Asking> {
    let mut connection = Connection::open(endpoint, clock.deadline).ok()?;
    let answer = http::get(&mut connection, &host(endpoint), "/version").ok()?;
    // Go's server for HTTPS answers with status 400 to who speaks HTTP.
    (answer.status != 400).then_some(Asking::Plain(connection, host(endpoint)))
}

fn host(endpoint: &Endpoint) -> String {
    let text = endpoint.to_string();
    text.split_once("://").map(|(_, host)| host.to_owned()).unwrap_or(text)
}

/// Shows a certificate to a port, and returns whether it is accepted.
pub(super) fn try_certificate(
    endpoints: &[Endpoint],
    shown: &Identity,
    clock: &Clock,
) -> Result<Verdict, NoAnswer> {
    let mut last = NoAnswer { endpoint: String::new(), why: "the member has no such port".to_owned() };
    for endpoint in endpoints {
        // In TLS 1.2 the handshake fails if the certificate is refused. In TLS 1.3 what follows it tells, and may be lost
        // when the member hangs up.
        let (versions, mut protocol) = ([Version::Tls12, Version::Tls13].into_iter(), None);
        for version in versions {
            match try_version(endpoint, shown, version, clock) {
                Ok(Verdict::Refused { alert }) if version == Version::Tls12 && alert == NO_SUCH_VERSION => {
                    protocol = Some(alert);
                }
                Ok(verdict) => return Ok(verdict),
                Err(why) => {
                    last = NoAnswer { endpoint: endpoint.to_string(), why };
                    break;
                }
            }
        }
        if let Some(alert) = protocol {
            last.why = alert;
        }
    }
    Err(last)
}

/// The alert of a server that does not have the version (RFC 8446 section 6.2).
const NO_SUCH_VERSION: &str = "protocol version";

fn try_version(
    endpoint: &Endpoint,
    shown: &Identity,
    version: Version,
    clock: &Clock,
) -> Result<Verdict, String> {
    let connection = Connection::open(endpoint, clock.deadline).map_err(|error| words(&error))?;
    let (_, session) = greet(connection, &endpoint.host, Show::Always(shown), Some(version));
    let mut session = match session {
        Ok(session) => session,
        Err(NoSession::Alert { alert }) => return Ok(Verdict::Refused { alert }),
        Err(NoSession::Io(error)) => return Err(words(&error)),
        Err(error) => return Err(error.to_string()),
    };
    if version == Version::Tls12 {
        return Ok(Verdict::Accepted);
    }
    match http::get(&mut session, &host(endpoint), "/version") {
        Ok(_) => Ok(Verdict::Accepted),
        Err(error) => match alert_in(&error).or_else(|| session.last_alert()) {
            Some(alert) => Ok(Verdict::Refused { alert }),
            // It has hung up in order: the certificate was accepted, and the address was not that of a member.
            None if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Verdict::Accepted),
            None => Err(words(&error)),
        },
    }
}

/// The alert with which a port refuses what it is shown, where the answer in TLS 1.3 was lost.
pub(super) fn refusal(endpoint: &Endpoint, show: Show<'_>, clock: &Clock) -> Option<String> {
    let connection = Connection::open(endpoint, clock.deadline).ok()?;
    match greet(connection, &endpoint.host, show, Some(Version::Tls12)).1 {
        Err(NoSession::Alert { alert }) if alert != NO_SUCH_VERSION => Some(alert),
        _ => None,
    }
}
