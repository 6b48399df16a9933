//! A name server for one zone, as far as etcd asks.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A record: its name with the last dot, its type, and its data as a zone's file has them.
pub type Record = (String, String, String);

/// Answers until it goes.
pub struct NameServer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// Listens on port 53 of an address of the loopback interface.
    pub fn start(address: &str, records: Vec<Record>) -> std::io::Result<Self> {
        let socket = UdpSocket::bind((address, 53))?;
        // Often enough to see that nobody needs it any more.
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut query = [0; 512];
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut query) {
                    let _ = socket.send_to(&answer(&query[..length], &records), from);
                }
            }
        });
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// RFC 1035, section 4.1.
fn answer(query: &[u8], records: &[Record]) -> Vec<u8> {
    let (mut name, mut at) = (String::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        name += &String::from_utf8_lossy(&query[at + 1..end]).to_lowercase();
        name.push('.');
        at = end;
    }
    let end = at + 5;
    let kind = match query[at + 2] {
        1 => "A",
        28 => "AAAA",
        33 => "SRV",
        _ => "",
    };
    let is_known = records.iter().any(|(known, ..)| *known == name);
    let found: Vec<_> = records.iter().filter(|(n, k, _)| *n == name && k == kind).collect();
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, if is_known { 0x80 } else { 0x83 }, 0, 1, 0, found.len() as u8, 0, 0, 0, 0]);
    answer.extend(&query[12..end]);
    for (_, _, data) in found {
        let data = match kind {
            "A" => data.parse::<Ipv4Addr>().unwrap().octets().to_vec(),
            "SRV" => service(data),
            other => panic!("not known here: {other}"),
        };
        // The name is the question's.
        answer.extend([0xc0, 12]);
        answer.extend(&query[end - 4..end]);
        answer.extend(60_u32.to_be_bytes());
        answer.extend((data.len() as u16).to_be_bytes());
        answer.extend(data);
    }
    answer
}

/// RFC 2782.
fn service(data: &str) -> Vec<u8> {
    let words: Vec<_> = data.split(' ').collect();
    let mut bytes: Vec<_> = words[..3].iter().flat_map(|n| n.parse::<u16>().unwrap().to_be_bytes()).collect();
    for label in words[3].split_terminator('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
