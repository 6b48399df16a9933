//! The standard output as a stream that leaves no copy of a private key in memory.

use std::fs::File;
use std::io::{self, Write};

use pki_core::base::WipedBuffer;

/// A stream that writes whole lines, from a buffer that is wiped.
pub(super) struct LineStream {
    file: File,
    buffer: WipedBuffer,
}

/// The number of bytes after which a line that has not ended is written.
const MOST: usize = 64 * 1024;

impl LineStream {
    pub(super) fn new(file: File) -> Self {
        Self { file, buffer: WipedBuffer::default() }
    }
}

impl Write for LineStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.push(bytes);
        if bytes.contains(&b'\n') || self.buffer.len() > MOST {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.file.write_all(self.buffer.as_ref());
        self.buffer.clear();
        result
    }
}

impl Drop for LineStream {
    fn drop(&mut self) {
        // Whoever has to know of an error has flushed the stream.
        let _ = self.flush();
    }
}
