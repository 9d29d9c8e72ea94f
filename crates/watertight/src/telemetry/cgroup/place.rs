//! Which group the process is in, and where its files are.

use super::Place;
use std::path::{Component, Path, PathBuf};

/// One line of `/proc/self/mountinfo` that mounts control groups.
struct Mount<'a> {
    /// Which group is at the mount point: in a container often not the topmost.
    root: &'a str,
    point: String,
    is_v2: bool,
    /// With `memory` among them, if it is version 1.
    options: &'a str,
}

impl Place {
    /// Looks below `root`, which is `/` but in tests.
    pub(super) fn find(root: &Path) -> Option<Self> {
        let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
        let mounts = std::fs::read_to_string(root.join("proc/self/mountinfo")).ok()?;
        Self::of(&groups, &mounts, root)
    }

    /// What the two files say. On a machine with both versions a controller is in
    /// one of them.
    fn of(groups: &str, mounts: &str, root: &Path) -> Option<Self> {
        let group = |wanted: fn(&str, &str) -> bool| {
            groups.lines().find_map(|line| {
                let (hierarchy, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(':')?;
                wanted(hierarchy, controllers).then_some(path)
            })
        };
        let mounts = || mounts.lines().filter_map(Mount::of);
        let has_memory = |list: &str| list.split(',').any(|word| word == "memory");
        let v1 = group(|_, controllers| controllers.split(',').any(|word| word == "memory"));
        if let Some(group) = v1 {
            let mount = mounts().find(|mount| !mount.is_v2 && has_memory(mount.options))?;
            let (_top, dir) = mount.dir(group, root);
            return Some(Self::V1 { dir });
        }
        let group = group(|hierarchy, controllers| hierarchy == "0" && controllers.is_empty())?;
        let mount = mounts().find(|mount| mount.is_v2)?;
        let (top, dir) = mount.dir(group, root);
        Some(Self::V2 { dir, top })
    }
}

impl<'a> Mount<'a> {
    /// `36 35 98:0 /root /point options … - type source superoptions`.
    fn of(line: &'a str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ');
        let root = left.nth(3)?;
        let point = unescaped(left.next()?);
        let mut right = right.split(' ');
        let is_v2 = match right.next()? {
            "cgroup2" => true,
            "cgroup" => false,
            _ => return None,
        };
        Some(Self {
            root,
            point,
            is_v2,
            options: right.nth(1)?,
        })
    }

    /// The mount point and the group's directory. A group that isn't below what is
    /// mounted, as in a container with the host's `/proc`, is taken for the one at
    /// the mount point.
    fn dir(&self, group: &str, root: &Path) -> (PathBuf, PathBuf) {
        let top = root.join(self.point.trim_start_matches('/'));
        let below = Path::new(group)
            .strip_prefix(self.root)
            .unwrap_or(Path::new(""));
        // `/..` stands for a group outside of the process' name space.
        let plain = below
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let dir = if plain { top.join(below) } else { top.clone() };
        (top, dir)
    }
}

/// Blanks in paths are written as `\040`.
fn unescaped(path: &str) -> String {
    path.replace("\\040", " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1_MOUNT: &str =
        "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory";

    fn of(groups: &str, mounts: &str) -> Option<Place> {
        Place::of(groups, mounts, Path::new("/"))
    }

    fn v2(dir: &str, top: &str) -> Option<Place> {
        Some(Place::V2 {
            dir: dir.into(),
            top: top.into(),
        })
    }

    fn v1(dir: &str) -> Option<Place> {
        Some(Place::V1 { dir: dir.into() })
    }

    #[test]
    fn a_group_is_found_below_what_is_mounted() {
        let mount = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate";
        assert_eq!(of("0::/\n", mount), v2("/sys/fs/cgroup", "/sys/fs/cgroup"));
        let slice = of("0::/system.slice/shop.service\n", mount);
        assert_eq!(
            slice,
            v2("/sys/fs/cgroup/system.slice/shop.service", "/sys/fs/cgroup")
        );
        assert_eq!(
            of("4:memory:/a/b\n0::/\n", V1_MOUNT),
            v1("/sys/fs/cgroup/memory/a/b")
        );
        assert_eq!(
            of("3:cpu,memory:/a\n", V1_MOUNT),
            v1("/sys/fs/cgroup/memory/a")
        );
    }

    #[test]
    fn in_a_container_the_mount_is_the_group_itself() {
        let mount = "40 35 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory";
        assert_eq!(
            of("4:memory:/docker/abc\n", mount),
            v1("/sys/fs/cgroup/memory")
        );
        // With a name space of its own, and with the host's names.
        for group in ["4:memory:/\n", "4:memory:/../../x\n"] {
            assert_eq!(of(group, mount), v1("/sys/fs/cgroup/memory"), "{group}");
        }
        let outside = of(
            "0::/../sibling\n",
            "1 1 0:1 / /my\\040groups rw - cgroup2 c rw",
        );
        assert_eq!(outside, v2("/my groups", "/my groups"));
    }

    #[test]
    fn what_makes_no_sense_is_no_group() {
        for (groups, mounts) in [
            ("", V1_MOUNT),
            ("garbage\n", V1_MOUNT),
            ("4:memory:/a\n", ""),
            ("4:memory:/a\n", "35 31 0:32 / /x rw - cgroup cgroup rw,cpu"),
            ("0::/a\n", V1_MOUNT),
            ("0::/a\n", "35 31 - cgroup2"),
        ] {
            assert_eq!(of(groups, mounts), None, "{groups:?} {mounts:?}");
        }
    }
}
