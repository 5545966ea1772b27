//! Lines over a socket, bounded in length and in time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Bytes taken from the socket at once.
const READ_BYTES: usize = 4096;

/// What comes in, cut into lines.
pub(super) struct Lines {
    stream: TcpStream,
    /// What has come and was not given out yet.
    buffer: Vec<u8>,
    /// How much of the buffer holds no newline.
    searched: usize,
    line_bytes_max: usize,
}

/// Why there is no line.
#[derive(Debug)]
pub(super) enum NoLine {
    /// The other side said all it had to say; a last line without its newline is none.
    End,
    /// The line is longer than any may be.
    TooLong,
    /// The line did not arrive in time.
    Late,
    /// The socket failed.
    Failed(io::Error),
}

impl Lines {
    pub(super) fn new(stream: TcpStream, line_bytes_max: usize) -> Self {
        Self { stream, buffer: Vec::new(), searched: 0, line_bytes_max }
    }

    /// The next line without its newline. All of it must be there after `patience`, however it drips in.
    pub(super) fn next(&mut self, patience: Duration) -> Result<Vec<u8>, NoLine> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(self.searched + at + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.pop();
                self.searched = 0;
                return if line.len() > self.line_bytes_max { Err(NoLine::TooLong) } else { Ok(line) };
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > self.line_bytes_max {
                return Err(NoLine::TooLong);
            }
            let mut bytes = [0; READ_BYTES];
            match self.read(&mut bytes, deadline)? {
                0 => return Err(NoLine::End),
                read => self.buffer.extend_from_slice(&bytes[..read]),
            }
        }
    }

    fn read(&mut self, bytes: &mut [u8], deadline: Instant) -> Result<usize, NoLine> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NoLine::Late);
            }
            self.stream.set_read_timeout(Some(left)).map_err(NoLine::Failed)?;
            match self.stream.read(bytes) {
                Ok(read) => return Ok(read),
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(NoLine::Failed(error)),
            }
        }
    }

    /// Writes a line, whose newline it has already. All of it must be taken after `patience`.
    pub(super) fn write(&mut self, line: &[u8], patience: Duration) -> io::Result<()> {
        let deadline = Instant::now() + patience;
        let mut left_over = line;
        while !left_over.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.stream.set_write_timeout(Some(left))?;
            match self.stream.write(left_over) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => left_over = &left_over[written..],
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ends the connection so that the last line written arrives: closed over bytes that nobody has read, it would be
    /// reset. Reads no more than `most_bytes` of those, and for no longer than `patience`.
    pub(super) fn close(mut self, most_bytes: usize, patience: Duration) {
        let deadline = Instant::now() + patience;
        // The socket may be gone already, which is what is wanted.
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        let (mut bytes, mut seen) = ([0; READ_BYTES], 0);
        while seen < most_bytes {
            match self.read(&mut bytes, deadline) {
                Ok(0) | Err(_) => break,
                Ok(read) => seen += read,
            }
        }
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

/// A timeout, which the deadline judges, or a signal.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
