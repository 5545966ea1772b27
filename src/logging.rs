//! Log lines go to stderr through a bounded queue and a thread that writes them.
//!
//! Stderr may be a pipe that nobody reads, or a disk that stalls. A thread that wrote to it would
//! stall too, and with it every client that it serves. Queueing a line never waits: when the queue
//! is full, the line is dropped and counted. The count is written as soon as stderr takes lines
//! again.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::env;
use std::io::{self, IsTerminal, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime};

use env_logger::{Builder, Env, Target, WriteStyle};
use humantime::format_rfc3339_seconds;

/// Lines in the queue: 16 MiB when each is as long as it may be.
const LINES_MAX: usize = 1024;

/// Bytes of a line; the rest of a longer one is cut off. A backtrace is one line.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// How long the end of the program waits for the queue to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// Writes the queue out when it is dropped, as far as stderr takes it in half a second.
pub struct Flush(SyncSender<Entry>);

/// Starts logging, at the level of `RUST_LOG`; panics are log lines too. Keep the value until the
/// program ends.
///
/// # Errors
/// The system refuses a thread, or logging has started before.
pub fn init() -> io::Result<Flush> {
    let queue = Queue::start(io::stderr())?;
    let flush = Flush(queue.entries.clone());
    let mut builder = Builder::from_env(Env::default().default_filter_or("warn"));
    if env::var_os("RUST_LOG_STYLE").is_none() && env::var_os("NO_COLOR").is_none() {
        // The logger sees a pipe, and would leave colour out.
        let style = if io::stderr().is_terminal() { WriteStyle::Always } else { WriteStyle::Never };
        builder.write_style(style);
    }
    builder.format(|line, record| {
        let (at, level) = (format_rfc3339_seconds(SystemTime::now()), record.level());
        let style = line.default_level_style(level);
        writeln!(line, "[{at} {style}{level:<5}{style:#} {}] {}", record.target(), record.args())
    });
    builder.target(Target::Pipe(Box::new(queue)));
    builder.try_init().map_err(io::Error::other)?;
    // The standard hook would write to stderr and wait for it.
    panic::set_hook(Box::new(|panic| log::error!("{}", described(panic))));
    Ok(flush)
}

fn described(panic: &PanicHookInfo<'_>) -> String {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let text = panic.payload().downcast_ref::<String>().map(String::as_str);
    let message = text.or_else(|| panic.payload().downcast_ref::<&str>().copied()).unwrap_or("-");
    let mut line = format!("panic at={location} message={message:?}");
    // Captured when RUST_BACKTRACE asks for it.
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        line.push_str(&format!("\n{backtrace}"));
    }
    line
}

impl Drop for Flush {
    fn drop(&mut self) {
        let (written, wait) = sync_channel(1);
        // When the queue is full, nothing takes lines, and waiting would not help.
        if self.0.try_send(Entry::Flush(written)).is_ok() {
            let _ = wait.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

enum Entry {
    Line(Vec<u8>),
    /// Answered when all lines before it are written.
    Flush(SyncSender<()>),
}

/// The logger's output: each `write` is one line.
struct Queue {
    entries: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

impl Queue {
    fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let (entries, receiver) = sync_channel(LINES_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_entries(&receiver, output, &counted))?;
        Ok(Self { entries, dropped })
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let kept = match line.get(..LINE_BYTES_MAX) {
            None => line.to_vec(),
            Some(begin) => format!("{}…\n", String::from_utf8_lossy(begin)).into_bytes(),
        };
        if self.entries.try_send(Entry::Line(kept)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_entries(entries: &Receiver<Entry>, mut output: impl Write, dropped: &AtomicU64) {
    for entry in entries {
        // Ignore a failed write: stderr was the place to report it.
        match entry {
            Entry::Line(line) => drop(output.write_all(&line)),
            Entry::Flush(written) => drop(written.try_send(())),
        }
        let lines = dropped.swap(0, Ordering::Relaxed);
        if lines > 0 {
            let at = format_rfc3339_seconds(SystemTime::now());
            let _ = writeln!(output, "[{at} WARN  {}] log lines dropped lines={lines}", module_path!());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read, pipe};

    use super::*;

    fn queue() -> (Queue, PipeReader) {
        let (reader, writer) = pipe().expect("a pipe");
        (Queue::start(writer).expect("a thread"), reader)
    }

    #[test]
    fn lines_that_nobody_reads_are_dropped_and_counted() {
        let (mut queue, mut reader) = queue();
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        // A pipe takes 64 KiB, the queue 1 MiB of these.
        let tried = 2 * LINES_MAX;
        for _ in 0..tried {
            assert_eq!(queue.write(&line).expect("it never fails"), line.len());
        }
        assert!(queue.dropped.load(Ordering::Relaxed) > 0, "nothing reads, and all had room");
        drop(queue);
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("lines are text");
        let (written, notices): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('x'));
        let dropped: usize = notices
            .iter()
            .map(|line| line.rsplit_once('=').expect(line).1.parse::<usize>().expect(line))
            .sum();
        assert_eq!(written.len() + dropped, tried, "each line is written or counted");
    }

    #[test]
    fn a_long_line_is_cut() {
        let (mut queue, mut reader) = queue();
        queue.write_all(format!("{}é\n", "x".repeat(LINE_BYTES_MAX - 1)).as_bytes()).expect("it never fails");
        drop(queue);
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("lines are text");
        assert_eq!(text, format!("{}\u{fffd}…\n", "x".repeat(LINE_BYTES_MAX - 1)));
    }

    #[test]
    fn the_end_waits_for_lines_that_a_reader_takes() {
        let (mut queue, mut reader) = queue();
        let flush = Flush(queue.entries.clone());
        queue.write_all(b"the last words\n").expect("it never fails");
        drop(flush);
        let mut text = [0; 15];
        reader.read_exact(&mut text).expect("it is written already");
        assert_eq!(&text, b"the last words\n");
    }
}
