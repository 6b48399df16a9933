//! A buffer for secrets that leaves no copy of its contents in memory.

use std::io::{self, Read};

use zeroize::{Zeroize, Zeroizing};

/// Bytes that are wiped when they are dropped, and also where they were before the buffer grew. A vector that grows
/// leaves its old contents in memory that is free for others.
///
/// ```
/// use std::io::Write;
///
/// let mut buffer = pki_core::base::WipedBuffer::default();
/// buffer.write_all(b"secret")?;
/// assert_eq!(buffer.into_bytes().as_slice(), b"secret");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Default)]
pub struct WipedBuffer(Zeroizing<Vec<u8>>);

/// The room of a buffer that is not empty. A key and its certificate need less, and what is not used is wiped too.
const FIRST: usize = 4 * 1024;

impl WipedBuffer {
    /// Appends bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Appends what one call of `read` gives, and returns how many bytes that is: 0 at the end of the stream.
    ///
    /// # Errors
    ///
    /// What the stream says.
    pub fn read_once(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        let length = self.0.len();
        if length == self.0.capacity() {
            self.make_room(FIRST);
        }
        let room = self.0.capacity();
        self.0.resize(room, 0);
        let read = self.0.get_mut(length..).map_or(Ok(0), |rest| stream.read(rest));
        self.0.truncate(length.saturating_add(*read.as_ref().unwrap_or(&0)));
        read
    }

    fn make_room(&mut self, more: usize) {
        let needed = self.0.len().saturating_add(more);
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.saturating_mul(2).max(FIRST));
            larger.extend_from_slice(&self.0);
            self.clear();
            self.0 = Zeroizing::new(larger);
        }
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes.
    pub fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.0
    }

    /// The bytes as text. Bytes that are not UTF-8 become U+FFFD.
    pub fn into_text(mut self) -> Zeroizing<String> {
        let bytes = std::mem::take(&mut *self.0);
        Zeroizing::new(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                error.into_bytes().zeroize();
                text
            }
        })
    }

    /// Wipes the bytes, and keeps the room.
    pub fn clear(&mut self) {
        // What lies behind the bytes was wiped before or never used. Wiping all of the room would take long for a stream
        // of short lines.
        self.0.as_mut_slice().zeroize();
        self.0.clear();
    }
}

impl AsRef<[u8]> for WipedBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl io::Write for WipedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_while_it_grows() {
        let mut buffer = WipedBuffer::default();
        let all: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
        all.chunks(777).for_each(|part| buffer.push(part));
        assert_eq!(buffer.len(), all.len());
        assert_eq!(buffer.into_bytes().as_slice(), all);
    }

    #[test]
    fn a_stream_is_read_to_its_end() {
        let all: Vec<u8> = (0..10_000_u32).flat_map(u32::to_be_bytes).collect();
        let (mut stream, mut buffer) = (all.as_slice(), WipedBuffer::default());
        while buffer.read_once(&mut stream).unwrap() > 0 {}
        assert_eq!(buffer.into_bytes().as_slice(), all);
    }
}
