//! What a port needs from a client's socket. Another kind of socket, such as TLS, is one more
//! implementation.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;

use socket2::SockRef;
use tokio::net::TcpStream;

/// A byte stream in both directions. Only the readiness methods wait.
pub(super) trait Stream: 'static {
    /// Waits until there may be something to read.
    fn readable(&self) -> impl Future<Output = io::Result<()>>;

    /// Waits until there may be room to write.
    fn writable(&self) -> impl Future<Output = io::Result<()>>;

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;

    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    fn shutdown(&self, how: Shutdown) -> io::Result<()>;

    /// Whether something has arrived that was not read yet. Asks the system, not the runtime, which
    /// may not know yet.
    fn has_unread(&self) -> bool;
}

impl Stream for TcpStream {
    fn readable(&self) -> impl Future<Output = io::Result<()>> {
        TcpStream::readable(self)
    }

    fn writable(&self) -> impl Future<Output = io::Result<()>> {
        TcpStream::writable(self)
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        TcpStream::try_read(self, buffer)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        TcpStream::try_write(self, bytes)
    }

    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        TcpStream::try_write_vectored(self, slices)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        SockRef::from(self).shutdown(how)
    }

    fn has_unread(&self) -> bool {
        SockRef::from(self).peek(&mut [MaybeUninit::uninit()]).is_ok()
    }
}
