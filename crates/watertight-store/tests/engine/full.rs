//! Full and read-only disks.

use std::path::{Path, PathBuf};
use std::process::Command as Process;

use watertight_store::{OpenError, Options, Store, StoreError};

use crate::support::*;

const FILLER_BYTES: u32 = 64 << 10;

/// Writes until the store refuses; returns what was acknowledged.
async fn fill(store: &Store) -> (Vec<i64>, StoreError) {
    let mut kept = Vec::new();
    loop {
        let id = i64::try_from(kept.len()).unwrap();
        assert!(id < 10_000, "never full");
        match store
            .write(
                soon(),
                Put {
                    id,
                    value: 0,
                    filler_bytes: FILLER_BYTES,
                },
            )
            .await
        {
            Ok(_) => kept.push(id),
            Err(error) => return (kept, error),
        }
    }
}

#[watertight::test]
async fn a_store_at_its_bound_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        store_bytes_max: Some(4 << 20),
        ..Options::new(dir.path())
    };
    let store = open_with(options.clone());
    let (kept, refused) = fill(&store).await;
    assert!(
        matches!(&refused, StoreError::Unavailable(why) if why.contains("full")),
        "{refused}"
    );
    assert!(kept.len() > 30);
    assert!(store.health().unwrap_err().contains("full"));
    assert_eq!(ids(&store).await, kept);
    assert_whole(&store).await;
    store.close().await;

    let store = open_with(options);
    assert_eq!(ids(&store).await, kept, "a full store opens");
    store.write(soon(), Clear).await.unwrap();
    store.write(soon(), put(1)).await.unwrap();
    assert_eq!(store.health(), Ok(()));
    assert_whole(&store).await;
    store.close().await;
}

#[watertight::test]
async fn a_full_disk_refuses_and_recovers_by_itself() {
    let Some(disk) = Tmpfs::mount("size=6m") else {
        return;
    };
    let store = open(disk.path());
    let (kept, refused) = fill(&store).await;
    assert!(
        matches!(refused, StoreError::Unavailable(_) | StoreError::Unknown(_)),
        "{refused:?}"
    );
    assert!(kept.len() > 10);
    assert!(store.health().is_err());
    assert_eq!(ids(&store).await, kept);
    assert!(
        store
            .write(
                soon(),
                Put {
                    id: -1,
                    value: 0,
                    filler_bytes: 4 << 20
                }
            )
            .await
            .is_err()
    );

    disk.remount("size=32m");
    wait_until("store recovers by itself", || store.health().is_ok()).await;
    store.write(soon(), put(9_999)).await.unwrap();
    assert_whole(&store).await;
    store.close().await;

    let store = open(disk.path());
    let stored = ids(&store).await;
    assert!(
        kept.iter().all(|id| stored.contains(id)),
        "an acknowledged command is lost"
    );
    assert_whole(&store).await;
    store.close().await;
}

#[watertight::test]
async fn no_space_to_start() {
    let Some(disk) = Tmpfs::mount("size=64k") else {
        return;
    };
    std::fs::write(disk.path().join("ballast"), vec![0_u8; 60 << 10]).unwrap();
    let opened = Store::open("engine", Options::new(disk.path()), MIGRATIONS);
    assert!(matches!(&opened, Err(OpenError::Full { .. })), "{opened:?}");
}

#[watertight::test]
async fn a_read_only_disk_is_named() {
    let Some(disk) = Tmpfs::mount("size=8m") else {
        return;
    };
    let store = open(disk.path());
    store.write(soon(), put(1)).await.unwrap();
    store.close().await;
    disk.remount("ro");
    let opened = Store::open("engine", Options::new(disk.path()), MIGRATIONS);
    let error = opened.expect_err("read-only");
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error:?}");
    assert!(error.to_string().contains("is not writable"));
    disk.remount("rw");
    let store = open(disk.path());
    assert_eq!(ids(&store).await, [1]);
    store.close().await;
}

#[cfg(unix)]
#[watertight::test]
async fn a_read_only_directory_is_named() {
    use std::os::unix::fs::PermissionsExt;
    if rustix::process::geteuid().is_root() {
        println!("skipped: root may write anywhere; the disk test covers it");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let locked = dir.path().join("data");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    let opened = Store::open("engine", Options::new(&locked), MIGRATIONS);
    assert!(matches!(opened, Err(OpenError::NotWritable { .. })));
}

/// A small disk of its own; unmounted when it goes.
struct Tmpfs {
    at: PathBuf,
    _dir: tempfile::TempDir,
}

impl Tmpfs {
    /// `None`, said aloud, where mounting isn't allowed.
    fn mount(options: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_path_buf();
        let mounted = Process::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&at)
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            println!("skipped: mounting a tmpfs is not allowed here");
            return None;
        }
        Some(Self { at, _dir: dir })
    }

    fn path(&self) -> &Path {
        &self.at
    }

    fn remount(&self, options: &str) {
        let output = Process::new("mount")
            .arg("-o")
            .arg(format!("remount,{options}"))
            .arg(&self.at)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        drop(Process::new("umount").arg("-l").arg(&self.at).status());
    }
}
