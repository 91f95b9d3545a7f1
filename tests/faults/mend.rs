//! What a row breaks is put right when the row ends, in order or not: the next row works on the same brokers.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::cluster::until;

/// Does it when it is dropped. What fails then is left: the row may be failing already.
pub struct Mend<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for Mend<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Whether the process was there to be told.
pub fn signal(process: &str, name: &str) -> bool {
    Command::new("kill").args([&format!("-{name}"), process]).status().expect("kill").success()
}

/// The process stands still until the answer is dropped.
pub fn stop(process: String) -> Mend<impl FnMut()> {
    assert!(signal(&process, "STOP"), "there is no process {process}");
    Mend(move || {
        signal(&process, "CONT");
    })
}

/// A file system in memory at a folder, until the answer is dropped.
pub fn file_system(folder: &Path, size: &str) -> Mend<impl FnMut()> {
    mount(folder, &["-t", "tmpfs", "-o", size, "none"]);
    let folder = folder.to_owned();
    // `-l`: workers of a row that fails may still be in it.
    Mend(move || drop(Command::new("umount").arg("-l").arg(&folder).status()))
}

/// Busy as long as a copy is just being written.
pub fn mount(folder: &Path, arguments: &[&str]) {
    until("a mount: this row needs the right to it", || {
        thread::sleep(Duration::from_millis(10));
        Command::new("mount").args(arguments).arg(folder).status().expect("mount").success().then_some(())
    });
}
