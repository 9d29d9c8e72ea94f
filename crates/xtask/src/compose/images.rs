//! The images that the compose file names: had, pulled, built, or replaced.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Args, engine::Engine};
use crate::error::Error;
use crate::workspace::{self, Workspace};
use crate::{process, shop, tools};

/// Compiling everything in a container takes a quarter of an hour on two cores.
const BUILD_LIMIT: Duration = Duration::from_secs(90 * 60);

/// The largest of them is a few hundred megabytes.
const PULL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Packing a program takes a second.
const PACK_LIMIT: Duration = Duration::from_secs(2 * 60);

/// The tag that our image gets.
pub(crate) const TAG: &str = "compose-test";

/// Programs that Debian packages, by the service that runs them, with the name
/// that they have there.
const PACKAGED: [(&str, &str); 2] = [
    ("prometheus", "prometheus"),
    ("alertmanager", "prometheus-alertmanager"),
];

/// Where the images of the services come from.
#[derive(Debug)]
pub(crate) struct Images {
    /// By service, what runs instead of its image.
    pub(crate) stand_ins: BTreeMap<String, StandIn>,
    /// Parts of the compose file that nothing here proves, with the reason.
    not_proven: Vec<String>,
}

/// What runs instead of an image.
#[derive(Clone, Debug)]
pub(crate) struct StandIn {
    pub(crate) image: String,
    /// The real program, at this path; `None` for one that only sleeps.
    pub(crate) program: Option<String>,
}

impl Images {
    /// Provides an image for each service of the compose file.
    pub(crate) fn provide(
        workspace: &Workspace,
        engine: &Engine,
        args: &Args,
    ) -> Result<Self, Error> {
        let mut images = Self {
            stand_ins: BTreeMap::new(),
            not_proven: Vec::new(),
        };
        let pull = !args.no_pull;
        let mut registry = Registry { engine, pull };
        images.ours(workspace, &mut registry, args.program.as_deref())?;
        let file = workspace::read(&workspace.root.join("docker-compose.yml"))?;
        for (service, image) in third_party(&file) {
            if registry.has(image) {
                println!("{service:<12} {image}");
                continue;
            }
            let stand_in = stand_in(workspace, engine, service)?;
            let what = match &stand_in.program {
                Some(program) => {
                    format!("the image {image}; its program was this machine's {program}")
                }
                None => format!("{service}: a stand-in that sleeps ran instead of {image}"),
            };
            println!("{service:<12} NOT PROVEN: {what}");
            images.not_proven.push(what);
            images.stand_ins.insert(service.to_owned(), stand_in);
        }
        Ok(images)
    }

    /// Whether what runs as this service is the program that the file means.
    pub(crate) fn is_program(&self, service: &str) -> bool {
        let stand_in = self.stand_ins.get(service);
        stand_in.is_none_or(|stand_in| stand_in.program.is_some())
    }

    /// What was not shown to work.
    pub(crate) fn say_what_is_not_proven(&self) {
        for what in &self.not_proven {
            println!("NOT PROVEN  {what}");
        }
    }

    /// Builds our image as the file says if the compiler's image can be had, and
    /// else only its last stage, around a program built outside.
    fn ours(
        &mut self,
        workspace: &Workspace,
        registry: &mut Registry<'_>,
        program: Option<&Path>,
    ) -> Result<(), Error> {
        let dockerfile = workspace::read(&workspace.root.join("deploy/docker/Dockerfile"))?;
        let compiler = dockerfile
            .lines()
            .find_map(|line| line.strip_prefix("ARG RUST_IMAGE="))
            .ok_or_else(|| Error::Found("the Dockerfile names no RUST_IMAGE".to_owned()))?;
        if program.is_none() && registry.has(compiler) {
            let mut build = registry.engine.compose();
            build.args(["build", "gateway"]).env("TAG", TAG);
            return process::run(build.current_dir(&workspace.root), BUILD_LIMIT);
        }
        let why = match program {
            Some(_given) => "the program was given".to_owned(),
            None => format!("{compiler} can't be had, the program was built outside"),
        };
        let what = format!("the image's builder: {why}");
        println!("NOT PROVEN: {what}");
        self.not_proven.push(what);
        let demo = match program {
            Some(program) => program.to_owned(),
            None => shop::build(workspace)?,
        };
        let dir = temporary()?;
        pack(workspace, &demo, &dir.path().join("rootfs"), "/demo")?;
        create(&dir.path().join("empty"))?;
        let last = last_stage(&dockerfile);
        write(&dir.path().join("Dockerfile"), &last)?;
        let context = dir.path().display().to_string();
        let tag = format!("watertight:{TAG}");
        registry
            .engine
            .run(&["build", "--quiet", "--tag", &tag, &context], PACK_LIMIT)
    }
}

/// Where images come from.
struct Registry<'a> {
    engine: &'a Engine,
    /// Whether it is worth asking: no after the first refusal.
    pull: bool,
}

impl Registry<'_> {
    /// Whether the engine has the image, now or after pulling it.
    fn has(&mut self, image: &str) -> bool {
        let format = ["image", "inspect", "--format", "{{.Id}}", image];
        if self.engine.ask(&format).is_ok() {
            return true;
        }
        if self.pull {
            self.pull = self
                .engine
                .run(&["pull", "--quiet", image], PULL_LIMIT)
                .is_ok();
        }
        self.pull
    }
}

/// The services that run an image of somebody else, and which.
fn third_party(file: &str) -> Vec<(&str, &str)> {
    let (mut service, mut found) = ("", Vec::new());
    let lines = file.lines().skip_while(|line| *line != "services:");
    for line in lines {
        let name = line
            .strip_prefix("  ")
            .and_then(|line| line.strip_suffix(':'));
        if let Some(name) = name.filter(|name| !name.starts_with(' ')) {
            service = name;
        }
        if let Some(image) = line.strip_prefix("    image: ") {
            found.push((service, image));
        }
    }
    found
}

/// The Dockerfile from its last `FROM` on, taking from beside it what it takes
/// from the builder.
fn last_stage(dockerfile: &str) -> String {
    let start = dockerfile.rfind("\nFROM ").map_or(0, |at| at + 1);
    let last = dockerfile[start..].replace("--from=build ", "");
    last.replace("COPY /rootfs", "COPY rootfs")
        .replace("65532 /empty", "65532 empty")
}

/// An image with the program of a service, as this machine has it; or with
/// nothing but a shell's tools.
fn stand_in(workspace: &Workspace, engine: &Engine, service: &str) -> Result<StandIn, Error> {
    let packaged = PACKAGED.iter().find(|(name, _program)| *name == service);
    let program = packaged.and_then(|(_name, program)| tools::on_path(program));
    let Some(busybox) = tools::on_path("busybox") else {
        let why = "stand-ins need busybox, which is not installed";
        return Err(Error::Found(why.to_owned()));
    };
    let dir = temporary()?;
    let root = dir.path().join("rootfs");
    pack(workspace, &busybox, &root, "/bin/busybox")?;
    for tool in ["wget", "sh"] {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(tool)).map_err(|source| {
            Error::File {
                verb: "create",
                path: root.join("bin").join(tool),
                source,
            }
        })?;
    }
    let at = format!("/bin/{service}");
    if let Some(program) = &program {
        pack(workspace, program, &root, &at)?;
        dress(&root, service)?;
    }
    let (tar, image) = (
        dir.path().join("image.tar"),
        format!("watertight-standin:{service}"),
    );
    let mut pack = process::command("tar");
    pack.arg("-C").arg(&root).arg("-cf").arg(&tar).arg(".");
    process::run(&mut pack, PACK_LIMIT)?;
    engine.ask(&["import", &tar.display().to_string(), &image])?;
    Ok(StandIn {
        image,
        program: program.map(|_program| at),
    })
}

/// What the program of a service needs beside itself: the directory of its
/// volume, which nobody owns in a bare image, and Debian's templates.
fn dress(root: &Path, service: &str) -> Result<(), Error> {
    let data = root.join(service);
    create(&data)?;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&data, open).map_err(|source| Error::File {
        verb: "open",
        path: data,
        source,
    })?;
    let shared = Path::new("/usr/share/prometheus").join(service);
    if !shared.is_dir() {
        return Ok(());
    }
    let parent = root.join("usr/share/prometheus");
    create(&parent)?;
    let mut copy = process::command("cp");
    copy.arg("-rL").arg(shared).arg(parent);
    process::run(&mut copy, PACK_LIMIT)
}

/// A program with the libraries it loads, as our image has it.
fn pack(workspace: &Workspace, program: &Path, root: &Path, at: &str) -> Result<(), Error> {
    let mut sh = process::command("sh");
    sh.arg(workspace.root.join("deploy/docker/rootfs.sh"));
    sh.arg(program).arg(root).arg(at);
    // Of a static program ldd says that it is none.
    sh.stderr(std::process::Stdio::null());
    process::run(&mut sh, PACK_LIMIT)
}

fn temporary() -> Result<tempfile::TempDir, Error> {
    tempfile::tempdir().map_err(|source| Error::File {
        verb: "create",
        path: PathBuf::from("a directory"),
        source,
    })
}

fn create(dir: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(dir).map_err(|source| Error::File {
        verb: "create",
        path: dir.to_owned(),
        source,
    })
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|source| Error::File {
        verb: "write",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_others_are_found_with_their_services() {
        let file = include_str!("../../../../docker-compose.yml");
        let found = third_party(file);
        let services: Vec<_> = found.iter().map(|(service, _image)| *service).collect();
        let all = [
            "prometheus",
            "grafana",
            "alertmanager",
            "tempo",
            "loki",
            "alloy",
        ];
        assert_eq!(services, all);
        assert!(found.iter().all(|(_service, image)| image.contains(':')));
    }

    #[test]
    fn the_last_stage_stands_alone() {
        let last = last_stage(include_str!("../../../../deploy/docker/Dockerfile"));
        assert!(last.starts_with("FROM scratch\n"), "{last}");
        assert!(!last.contains("--from"), "{last}");
        assert!(last.contains("COPY rootfs /\n"), "{last}");
        assert!(last.contains(" empty /data\n"), "{last}");
        assert!(last.contains("ENTRYPOINT"));
    }
}
