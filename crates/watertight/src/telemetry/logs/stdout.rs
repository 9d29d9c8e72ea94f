//! Standard output as it is: no lock, no buffer, no line logic.

use rustix::event::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

/// A descriptor of its own for standard output.
///
/// Why not [`io::stdout`]? Whoever holds its lock would hold up the log, and a
/// log that stands still would hold up `println!`.
#[derive(Debug)]
pub(super) struct Stdout(Option<File>);

impl Stdout {
    /// Without a descriptor left for it, it is like one that nobody reads.
    pub(super) fn open() -> Self {
        let descriptor = io::stdout().as_fd().try_clone_to_owned();
        Self(descriptor.ok().map(File::from))
    }

    /// Waits until it takes more, for as long as that takes.
    fn wait(file: &File) -> io::Result<()> {
        let mut one = [PollFd::new(file, PollFlags::OUT)];
        match poll(&mut one, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = self.0.as_mut().ok_or(ErrorKind::BrokenPipe)?;
        loop {
            match file.write(bytes) {
                // Somebody we share it with made it non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => Self::wait(file)?,
                outcome => return outcome,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
