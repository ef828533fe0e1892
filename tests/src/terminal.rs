//! A terminal with a program in it, for those that ask.

use std::{
    fs::{self, File},
    io::{Read, Write},
    process::{Child, Command},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

/// Longer than any program needs on a slow and busy machine; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program that reads from a terminal and writes to it.
#[derive(Debug)]
pub struct Terminal {
    program: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// What has been written since the last time somebody waited for something.
    seen: String,
}

impl Terminal {
    /// Starts a program.
    pub fn run(mut command: Command) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&terminal).expect("a terminal that is ours");
        unlockpt(&terminal).expect("a terminal that can be used");
        let name = ptsname(&terminal, Vec::new()).expect("the terminal has a name");
        let name = name.to_str().expect("the terminal has a plain name");
        let other_end = || fs::OpenOptions::new().read(true).write(true).open(name).expect("its other end");
        command.stdin(other_end()).stdout(other_end()).stderr(other_end()).env("TERM", "xterm");
        let program = command.spawn().expect("the program cannot be run");
        // The program alone holds the other end now.
        drop(command);
        let keyboard = File::from(terminal);
        let mut reader = keyboard.try_clone().expect("a terminal has many handles");
        let (sender, screen) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // An error is how a terminal says that the program has gone.
            while let Ok(len @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..len].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { program, keyboard, screen, seen: String::new() }
    }

    /// Waits until that text is shown; what was shown up to it.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            match self.screen.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("`{text}` is not shown ({error}), but:\n{}", self.seen),
            }
        }
    }

    /// Writes as somebody at the keyboard would.
    pub fn write(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the program has gone");
    }

    /// What Ctrl-C does.
    pub fn interrupt(&self) {
        let process = Pid::from_child(&self.program);
        kill_process(process, Signal::INT).expect("the program has gone");
    }

    /// Waits until the program ends; whether it succeeded.
    pub fn end(mut self) -> bool {
        self.program.wait().expect("a program can be waited for").success()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // One that has ended, as most have, cannot be killed.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
