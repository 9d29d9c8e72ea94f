//! The services' output, log and complaints alike: a file each, never larger than its cap.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    path::Path,
};

/// A log at this size is copied to `NAME.log.1` and begun anew, so that a
/// service's output takes twice as much at most.
const LOG_BYTES_MAX: u64 = 16 * 1_024 * 1_024;

/// How much of the end of a log is looked at for the last words.
const TAIL_BYTES: u64 = 16 * 1_024;

/// Opens a log for appending: the writer's next line goes to the end even
/// after the file was cut.
pub(super) fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Cuts a log that has grown too large. Lines written between the copy and the
/// cut are lost.
pub(super) fn cap(path: &Path) -> std::io::Result<()> {
    cap_at(path, LOG_BYTES_MAX)
}

fn cap_at(path: &Path, bytes_max: u64) -> std::io::Result<()> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.len() >= bytes_max => {
            std::fs::copy(path, path.with_extension("log.1"))?;
            OpenOptions::new().write(true).open(path)?.set_len(0)
        }
        Ok(_small) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The last line of a log that speaks of an error, else the last line.
pub(super) fn last_words(path: &Path) -> String {
    let text = tail(path).unwrap_or_default();
    let lines = || text.lines().rev().filter(|line| !line.trim().is_empty());
    let error = lines().find(|line| line.starts_with("error") || line.contains("\"ERROR\""));
    let last = error.or_else(|| lines().next());
    last.map_or_else(|| "it said nothing".to_owned(), for_people)
}

/// What a line of the log says, without what it says it with.
fn for_people(line: &str) -> String {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(line) else {
        return line.to_owned();
    };
    let text = |at: &str| json.pointer(at).and_then(serde_json::Value::as_str);
    let Some(message) = text("/message").or_else(|| text("/target")) else {
        return line.to_owned();
    };
    let why = ["/fields/error", "/fields/panic"]
        .into_iter()
        .find_map(text);
    why.map_or_else(|| message.to_owned(), |why| format!("{message}: {why}"))
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_log_never_outgrows_its_cap_and_the_writer_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("orders.log");
        assert!(cap_at(&path, 100).is_ok(), "no log yet");
        let mut log = open(&path).unwrap();
        for _ in 0..100 {
            log.write_all(b"a line of ten\n").unwrap();
            cap_at(&path, 100).unwrap();
            assert!(std::fs::metadata(&path).unwrap().len() < 100);
        }
        let old = std::fs::metadata(dir.path().join("orders.log.1"))
            .unwrap()
            .len();
        assert!((100..115).contains(&old), "{old}");
    }

    #[test]
    fn the_last_error_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        assert_eq!(last_words(&path), "it said nothing");
        std::fs::write(&path, "error: no space\nbye\n\n").unwrap();
        assert_eq!(last_words(&path), "error: no space");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        assert_eq!(last_words(&path), "two");
        let log = r#"{"ts":"x","level":"ERROR","message":"panic","fields":{"panic":"as told"}}
{"ts":"y","level":"INFO","message":"bye"}
"#;
        std::fs::write(&path, log).unwrap();
        assert_eq!(last_words(&path), "panic: as told");
    }
}
