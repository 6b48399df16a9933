//! The few words of HTTP/1.1 that are needed to ask a member (RFC 9112).

use std::io::{self, ErrorKind, Read, Write};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// The longest head of an answer, in bytes.
const LONGEST_HEAD: usize = 64 << 10;
/// The longest answer, in bytes. The metrics of a member are some hundred kilobytes.
const LONGEST_BODY: usize = 16 << 20;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Asks for a path, and keeps the connection for more.
pub(super) fn get(stream: &mut (impl Read + Write), host: &str, path: &str) -> io::Result<Answer> {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: etcdpki\r\nAccept: */*\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    read(stream)
}

impl Answer {
    /// The date of the answer, which has whole seconds (RFC 9110 section 6.6.1).
    pub(super) fn date(&self) -> Option<OffsetDateTime> {
        let date = self.field("date")?;
        // RFC 2822 writes the zone as `+0000` where HTTP has `GMT`.
        OffsetDateTime::parse(&date.replace("GMT", "+0000"), &Rfc2822).ok()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn field(&self, name: &str) -> Option<&str> {
        let found = self.head.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

fn read(stream: &mut impl Read) -> io::Result<Answer> {
    let mut reader = Reader { stream, buffer: Vec::new(), at: 0 };
    let mut answer = loop {
        let answer = reader.head()?;
        // 1xx comes before the answer (RFC 9110 section 15.2).
        if !(100..200).contains(&answer.status) {
            break answer;
        }
    };
    let is_chunked =
        answer.field("transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().contains("chunked"));
    answer.body = match answer.field("content-length") {
        _ if is_chunked => reader.chunks()?,
        Some(length) => {
            let length: usize = length.trim().parse().map_err(|_| malformed("its length is not a number"))?;
            reader.take(length)?
        }
        None if matches!(answer.status, 204 | 304) => Vec::new(),
        None => reader.rest()?,
    };
    Ok(answer)
}

struct Reader<'a, S> {
    stream: &'a mut S,
    buffer: Vec<u8>,
    /// Where the unread part begins.
    at: usize,
}

impl<S: Read> Reader<'_, S> {
    fn head(&mut self) -> io::Result<Answer> {
        let first = self.line()?;
        let mut words = first.splitn(3, ' ');
        let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
        let status = words.next().and_then(|word| word.parse().ok());
        let (true, Some(status)) = (is_http, status) else {
            return Err(malformed("it is not an answer of HTTP/1.1"));
        };
        let (mut head, mut length) = (Vec::new(), 0);
        loop {
            let line = self.line()?;
            length += line.len();
            if length > LONGEST_HEAD {
                return Err(malformed("its head is too long"));
            }
            if line.is_empty() {
                return Ok(Answer { status, head, body: Vec::new() });
            }
            if let Some((name, value)) = line.split_once(':') {
                head.push((name.to_owned(), value.trim().to_owned()));
            }
        }
    }

    /// The next line, without its end.
    fn line(&mut self) -> io::Result<String> {
        loop {
            let unread = self.buffer.get(self.at..).unwrap_or_default();
            if let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
                let line = unread.get(..end).unwrap_or_default();
                let line = String::from_utf8_lossy(line).trim_end_matches('\r').to_owned();
                self.at += end + 1;
                return Ok(line);
            }
            if unread.len() > LONGEST_HEAD {
                return Err(malformed("a line in it is too long"));
            }
            self.more()?;
        }
    }

    fn more(&mut self) -> io::Result<()> {
        match self.fill()? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut some = [0; 16 << 10];
        let count = self.stream.read(&mut some)?;
        self.buffer.extend_from_slice(some.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > LONGEST_BODY {
            return Err(malformed("it is too long"));
        }
        loop {
            if let Some(taken) = self.buffer.get(self.at..self.at.saturating_add(length)) {
                let taken = taken.to_vec();
                self.at += length;
                return Ok(taken);
            }
            self.more()?;
        }
    }

    fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {
            if self.buffer.len() > LONGEST_BODY {
                return Err(malformed("it is too long"));
            }
        }
        Ok(self.buffer.split_off(self.at.min(self.buffer.len())))
    }

    /// RFC 9112 section 7.1.
    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let length = line.split(';').next().unwrap_or_default().trim();
            let length =
                usize::from_str_radix(length, 16).map_err(|_| malformed("a chunk of it has no length"))?;
            if length == 0 {
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.take(length)?);
            if body.len() > LONGEST_BODY {
                return Err(malformed("it is too long"));
            }
            if !self.line()?.is_empty() {
                return Err(malformed("a chunk of it is longer than it says"));
            }
        }
    }
}

fn malformed(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("the answer cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn parsed(text: &str) -> Result<(u16, String), String> {
        // One byte at a time: what is read does not depend on how it arrives.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = self.0.len().min(1);
                buffer[..count].copy_from_slice(&self.0[..count]);
                self.0 = &self.0[count..];
                Ok(count)
            }
        }
        let fast = read(&mut text.as_bytes());
        let slow = read(&mut Slow(text.as_bytes()));
        assert_eq!(fast.as_ref().ok(), slow.as_ref().ok(), "{text:?}");
        fast.map(|answer| (answer.status, answer.text())).map_err(|error| error.to_string())
    }

    #[test]
    fn answers_of_each_form_are_read() {
        for (text, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
            ("HTTP/1.1 200 OK\ncontent-length:5\n\nhello and more", "hello"),
            ("HTTP/1.0 200 OK\r\n\r\nhello", "hello"),
            (
                "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nA: b\r\n\r\n",
                "hello",
            ),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ] {
            assert_eq!(parsed(text), Ok((200, body.to_owned())), "{text:?}");
        }
        assert_eq!(parsed("HTTP/1.1 204 No Content\r\n\r\n"), Ok((204, String::new())));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for text in [
            "",
            "\r\n",
            "SSH-2.0-OpenSSH\r\n",
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        ] {
            assert!(parsed(text).is_err(), "{text:?}");
        }
        let endless = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(20_000));
        assert!(parsed(&endless).unwrap_err().contains("head is too long"));
    }

    #[test]
    fn the_date_is_read() {
        let text = "HTTP/1.1 200 OK\r\nDate: Fri, 27 Nov 2026 08:09:10 GMT\r\nContent-Length: 0\r\n\r\n";
        let answer = read(&mut text.as_bytes()).unwrap();
        assert_eq!(answer.date(), Some(datetime!(2026-11-27 08:09:10 UTC)));
        let answer = read(&mut text.replace("27 Nov", "x").as_bytes()).unwrap();
        assert_eq!(answer.date(), None);
    }
}
