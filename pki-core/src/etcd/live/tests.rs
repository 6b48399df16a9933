//! Members that are threads of the test.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-11-27 12:00 UTC);

fn listening() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, Endpoint::new("127.0.0.1", port, true))
}

fn target(endpoint: &Endpoint) -> Target {
    Target { client: vec![endpoint.clone()], peer: vec![endpoint.clone()], http: Vec::new() }
}

/// The kernel accepts connections for a process that does nothing, as for one that was stopped.
#[test]
fn who_never_answers_is_not_waited_for() {
    let (_listener, endpoint) = listening();
    let start = Instant::now();
    let seen = look_at(&target(&endpoint), None, NOW, Duration::from_millis(300));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    for port in [&seen.client, &seen.peer] {
        assert_eq!(port.no_answer.as_ref().unwrap().why, "no answer in time");
        assert!(port.greeting.is_none());
    }
    assert!(seen.told.is_none());
}

#[test]
fn nobody_is_told_from_somebody_who_is_silent() {
    let (listener, endpoint) = listening();
    drop(listener);
    let seen = look_at(&target(&endpoint), None, NOW, Duration::from_secs(20));
    let told = seen.client.no_answer.unwrap().to_string();
    assert!(told.ends_with(": nothing listens there (connection refused)"), "{told}");
}

#[test]
fn a_member_without_tls_is_seen_as_one() {
    let (listener, endpoint) = listening();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count) = stream.read(&mut buffer) {
                    let asked = String::from_utf8_lossy(&buffer[..count]).into_owned();
                    let body = match asked.split(' ').nth(1) {
                        Some("/version") => r#"{"etcdserver":"3.5.30","etcdcluster":"3.5.0"}"#,
                        Some("/health") => r#"{"health":"false","reason":"ALARM NOSPACE"}"#,
                        Some("/metrics") => "etcd_server_is_leader 1\n",
                        _ => return,
                    };
                    let date = "Fri, 27 Nov 2026 12:03:00 GMT";
                    let head = format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {}", body.len());
                    if write!(stream, "{head}\r\n\r\n{body}").is_err() {
                        return;
                    }
                }
            });
        }
    });
    let seen = look_at(&target(&endpoint), None, NOW, Duration::from_secs(60));
    assert!(seen.client.is_plaintext && seen.peer.is_plaintext, "{seen:?}");
    let told = seen.told.unwrap();
    assert_eq!(told.version.as_deref(), Some("3.5.30"));
    assert_eq!(told.metrics.unwrap().is_leader, Some(true));
    let health = Health { is_healthy: false, reason: "ALARM NOSPACE".to_owned() };
    assert_eq!(told.health, Some(health));
    let difference = told.clock_difference.unwrap();
    assert!((170..=180).contains(&difference.whole_seconds()), "{difference}");
}

#[test]
fn an_answer_drop_by_drop_ends_with_the_time() {
    let (listener, endpoint) = listening();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                // The header of a long record of TLS, and then its bytes one after the other.
                let mut is_open = stream.write_all(&[22, 3, 3, 64, 0]).is_ok();
                while is_open {
                    is_open = stream.write_all(&[0]).is_ok();
                    thread::park_timeout(Duration::from_millis(20));
                }
            });
        }
    });
    let start = Instant::now();
    let seen = look_at(&target(&endpoint), None, NOW, Duration::from_millis(300));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(seen.client.no_answer.is_some());
}
