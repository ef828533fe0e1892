//! A module's log: a file of JSON lines, also live for those who follow.
//!
//! Writing a line never fails for the module: when the disk refuses it, the line is counted as lost and the
//! next line that gets through says so.
//!
//! When the file has half of the bytes that a log may take, it becomes the old one, in the place of the one before,
//! and a new one begins.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use orrery_host_abi::{LogLevel, LogRecord, Timestamp};
use parking_lot::Mutex;
use tokio::sync::broadcast;

/// Lines that a follower may be behind before it misses some.
const FOLLOWER_CAPACITY: usize = 1024;
/// How much is read at a time when looking for the last lines of the file.
const TAIL_STEP_BYTES: u64 = 64 * 1024;
/// What the host itself writes carries this as its target, file and function.
const HOST: &str = "__spacetimedb__";

/// How the log of a module is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOptions {
    /// How many bytes it may take; the oldest lines go first.
    pub bytes_max: u64,
    /// The least important lines that are kept.
    pub level: LogLevel,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { bytes_max: 64 << 20, level: LogLevel::Trace }
    }
}

/// The log of one database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ModuleLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// The file with the lines before those in the other one.
    old_path: PathBuf,
    options: LogOptions,
    file: Mutex<Sink>,
    live: broadcast::Sender<Bytes>,
}

#[derive(Debug)]
struct Sink {
    file: File,
    /// How many bytes are in it.
    len: u64,
    lost_lines: u64,
}

impl ModuleLog {
    /// Opens the log at `path`, making it if it does not exist. What it had before stays.
    pub fn open(path: &Path, options: LogOptions) -> io::Result<Self> {
        let file = append_to(path)?;
        let len = file.metadata()?.len();
        let mut old_path = path.as_os_str().to_owned();
        old_path.push(".1");
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            old_path: old_path.into(),
            options,
            file: Mutex::new(Sink { file, len, lost_lines: 0 }),
            live: broadcast::channel(FOLLOWER_CAPACITY).0,
        })))
    }

    /// Writes a line that the module's function `function` has to say.
    pub fn write(&self, function: Option<&str>, record: &LogRecord<'_>) {
        if record.level <= self.0.options.level {
            self.append(&to_json(function, record));
        }
    }

    /// Writes a line that the host has to say about the module.
    pub fn write_host(&self, level: LogLevel, message: &str) {
        self.write(
            Some(HOST),
            &LogRecord {
                level,
                target: Some(HOST),
                filename: Some(HOST),
                line: None,
                message,
                backtrace: &[],
            },
        );
    }

    fn append(&self, line: &[u8]) {
        let mut sink = self.0.file.lock();
        if sink.len > self.0.options.bytes_max / 2 {
            self.begin_anew(&mut sink);
        }
        if sink.lost_lines > 0 {
            let note = format!("{} lines before this one could not be written", sink.lost_lines);
            let record = LogRecord {
                level: LogLevel::Warn,
                target: Some(HOST),
                filename: Some(HOST),
                line: None,
                message: &note,
                backtrace: &[],
            };
            if sink.write(&to_json(Some(HOST), &record)).is_ok() {
                sink.lost_lines = 0;
            }
        }
        if sink.write(line).is_err() {
            sink.lost_lines += 1;
        }
        // Still under the lock: who reads the file and then follows sees every line once.
        if self.0.live.receiver_count() > 0 {
            // Fails only when the last follower has just left.
            let _ = self.0.live.send(Bytes::copy_from_slice(line));
        }
    }

    /// Makes the file the old one. If the disk does not let it, the file goes on growing.
    fn begin_anew(&self, sink: &mut Sink) {
        let new = fs::rename(&self.0.path, &self.0.old_path).and_then(|()| append_to(&self.0.path));
        match new {
            Ok(file) => (sink.file, sink.len) = (file, 0),
            Err(error) => {
                tracing::warn!(path = %self.0.path.display(), %error, "a module's log cannot begin anew");
                // Not again with every line.
                sink.len = 0;
            }
        }
    }

    /// The last `lines` lines (all if none is given), each a JSON object with a newline.
    ///
    /// Reads the files: call it where blocking is allowed.
    pub fn tail(&self, lines: Option<usize>) -> io::Result<Bytes> {
        let mut tail = Vec::new();
        for mut file in self.files()? {
            let mut start = file.seek(SeekFrom::End(0))?;
            loop {
                if let Some(at) = lines.and_then(|lines| start_of_last_lines(&tail, lines)) {
                    tail.drain(..at);
                    return Ok(tail.into());
                }
                if start == 0 {
                    break;
                }
                let step = if lines.is_some() { start.min(TAIL_STEP_BYTES) } else { start };
                start -= step;
                file.seek(SeekFrom::Start(start))?;
                let mut piece = vec![0; usize::try_from(step).unwrap_or(usize::MAX)];
                file.read_exact(&mut piece)?;
                piece.append(&mut tail);
                tail = piece;
            }
        }
        Ok(tail.into())
    }

    /// The file that is written to, and the old one if there is one.
    fn files(&self) -> io::Result<Vec<File>> {
        // None of them becomes another in between.
        let _sink = self.0.file.lock();
        let mut files = vec![File::open(&self.0.path)?];
        match File::open(&self.0.old_path) {
            Ok(old) => files.push(old),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(files)
    }

    /// New lines as they come, each as [`Self::tail`] gives it. A reader that is too slow misses some.
    pub fn follow(&self) -> broadcast::Receiver<Bytes> {
        self.0.live.subscribe()
    }
}

impl Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.write_all(line)?;
        self.len += line.len() as u64;
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Where the last `lines` lines begin, if `text` is known to hold that many.
fn start_of_last_lines(text: &[u8], lines: usize) -> Option<usize> {
    if lines == 0 {
        return Some(text.len());
    }
    // The newline that ends the line before them.
    text.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').nth(lines).map(|(at, _)| at + 1)
}

/// One line of the log. The fields and their names are those of the peer, which its CLI reads.
fn to_json(function: Option<&str>, record: &LogRecord<'_>) -> Vec<u8> {
    let mut line = serde_json::Map::new();
    let level = match record.level {
        LogLevel::Panic => "Panic",
        LogLevel::Error => "Error",
        LogLevel::Warn => "Warn",
        LogLevel::Info => "Info",
        LogLevel::Debug => "Debug",
        LogLevel::Trace => "Trace",
    };
    line.insert("level".into(), level.into());
    line.insert("ts".into(), Timestamp::now().0.into());
    if let Some(target) = record.target {
        line.insert("target".into(), target.into());
    }
    if let Some(filename) = record.filename {
        line.insert("filename".into(), filename.into());
    }
    if let Some(number) = record.line {
        line.insert("line_number".into(), number.into());
    }
    if let Some(function) = function {
        line.insert("function".into(), function.into());
    }
    line.insert("message".into(), record.message.into());
    if record.level == LogLevel::Panic {
        let trace = record.backtrace.iter().map(|name| serde_json::json!({ "func_name": &**name })).collect();
        line.insert("trace".into(), serde_json::Value::Array(trace));
    }
    let mut text = serde_json::to_vec(&line).unwrap_or_default();
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(message: &str) -> LogRecord<'_> {
        LogRecord { level: LogLevel::Info, target: None, filename: None, line: None, message, backtrace: &[] }
    }

    fn messages(lines: &[u8]) -> Vec<String> {
        lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| {
                let line: serde_json::Value = serde_json::from_slice(line).unwrap();
                line["message"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    #[test]
    fn tail_gives_whole_lines_from_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let log = ModuleLog::open(&dir.path().join("log"), LogOptions::default()).unwrap();
        assert_eq!(log.tail(Some(3)).unwrap(), Bytes::new());
        // Long enough that the last lines are spread over several reading steps.
        let long = "x".repeat(50_000);
        for number in 0..5 {
            log.write(Some("reducer"), &record(&format!("{number}{long}")));
        }
        assert_eq!(messages(&log.tail(None).unwrap()).len(), 5);
        assert_eq!(messages(&log.tail(Some(99)).unwrap()).len(), 5);
        let last = messages(&log.tail(Some(2)).unwrap());
        assert_eq!(last.iter().map(|message| &message[..1]).collect::<String>(), "34");
        assert_eq!(log.tail(Some(0)).unwrap(), Bytes::new());
    }

    #[test]
    fn the_oldest_lines_go_when_there_are_too_many() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let options = LogOptions { bytes_max: 4000, ..LogOptions::default() };
        let number = |lines: &[u8]| -> Vec<u32> {
            messages(lines).iter().map(|message| message.parse().unwrap()).collect()
        };
        for first in [0, 100] {
            // What is there counts, after a restart too.
            let log = ModuleLog::open(&path, options).unwrap();
            for message in first..first + 100 {
                log.write(None, &record(&message.to_string()));
                let all = number(&log.tail(None).unwrap());
                assert_eq!(all.last(), Some(&message));
                assert!(all.is_sorted_by(|a, b| a + 1 == *b), "{all:?}");
                assert_eq!(number(&log.tail(Some(7)).unwrap()), all[all.len().saturating_sub(7)..]);
            }
            let kept =
                fs::metadata(&path).unwrap().len() + fs::metadata(dir.path().join("log.1")).unwrap().len();
            assert!((1000..5000).contains(&kept), "{kept} bytes");
        }
    }

    #[test]
    fn lines_below_the_level_are_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let options = LogOptions { level: LogLevel::Warn, ..LogOptions::default() };
        let log = ModuleLog::open(&dir.path().join("log"), options).unwrap();
        for (level, message) in
            [(LogLevel::Info, "info"), (LogLevel::Warn, "warn"), (LogLevel::Panic, "panic")]
        {
            log.write(None, &LogRecord { level, ..record(message) });
            log.write_host(level, message);
        }
        assert_eq!(messages(&log.tail(None).unwrap()), ["warn", "warn", "panic", "panic"]);
    }

    #[test]
    fn followers_see_new_lines_only() {
        let dir = tempfile::tempdir().unwrap();
        let log = ModuleLog::open(&dir.path().join("log"), LogOptions::default()).unwrap();
        log.write(None, &record("before"));
        let mut follower = log.follow();
        log.write(None, &record("after"));
        assert_eq!(messages(&follower.try_recv().unwrap()), ["after"]);
        assert!(follower.try_recv().is_err());
    }
}
