//! The figures at the end: what each container takes, and all of them together.

use std::fmt;
use std::time::Duration;

use super::images::{Images, TAG};
use super::proof::{CONTAINERS_MAX, MEMORY_MAX, found};
use super::stack::Stack;
use crate::error::Error;

/// What `docker run` ends with if the image hasn't got what it was to run.
const NO_SUCH_PROGRAM: i32 = 127;

/// What the image of all services may take.
const IMAGE_MAX: u64 = 40 * 1024 * 1024;

/// What was measured.
#[derive(Debug)]
pub(crate) struct Figures {
    rows: Vec<Row>,
    /// Bytes that all may take together.
    allowed: u64,
    /// Bytes of our image.
    image: u64,
    /// From `up` on.
    healthy: Duration,
}

/// One container.
#[derive(Debug)]
struct Row {
    service: String,
    used: u64,
    limit: u64,
    image: u64,
    /// Whether its program is what the file means.
    program: bool,
    /// Whether its image is.
    real: bool,
}

impl Figures {
    /// Measures every container; none may have been killed for its memory.
    pub(crate) fn take(
        stack: &Stack<'_>,
        images: &Images,
        image: u64,
        allowed: u64,
        healthy: Duration,
    ) -> Result<Self, Error> {
        let mut rows = Vec::new();
        for (service, (id, container)) in stack.containers()? {
            if container.state.oom_killed {
                return Err(found(format!("{service} was killed for its memory")));
            }
            let format = ["stats", "--no-stream", "--format", "{{.MemUsage}}", &id];
            let said = stack.engine().ask(&format)?;
            let used = said.split('/').next().and_then(|text| bytes(text.trim()));
            let used = used.ok_or_else(|| found(format!("docker stats says {said}")))?;
            let limit = container.host_config.memory;
            if used > limit {
                return Err(found(format!("{service} takes {used} bytes of {limit}")));
            }
            rows.push(Row {
                used,
                limit,
                image: size(stack, &container.config.image)?,
                program: images.is_program(&service),
                real: !images.stand_ins.contains_key(&service),
                service,
            });
        }
        Ok(Self {
            rows,
            allowed,
            image,
            healthy,
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "container       memory      limit      image")?;
        let mut used = 0;
        for row in &self.rows {
            let (memory, limit, image) = (mib(row.used), mib(row.limit), mib(row.image));
            let note = match (row.program, row.real) {
                (false, _) => "  NOT PROVEN: it sleeps",
                (true, false) => "  the program, not the image",
                (true, true) => "",
            };
            let service = &row.service;
            writeln!(
                f,
                "{service:<12} {memory:>5.1} MiB {limit:>6.0} MiB {image:>6.1} MiB{note}"
            )?;
            used += if row.program { row.used } else { 0 };
        }
        let proven = self.rows.iter().filter(|row| row.program).count();
        let all = self.rows.len();
        writeln!(
            f,
            "containers   {all} (at most {CONTAINERS_MAX}), {proven} of them with their program"
        )?;
        writeln!(
            f,
            "memory       {:.0} MB in use by those {proven}; all {all} may take {:.0} MB (at most {:.0})",
            megabytes(used),
            megabytes(self.allowed),
            megabytes(MEMORY_MAX),
        )?;
        writeln!(
            f,
            "our image    {:.1} MiB (at most {:.0})",
            mib(self.image),
            mib(IMAGE_MAX)
        )?;
        write!(
            f,
            "healthy      {:.1} s after `up`",
            self.healthy.as_secs_f64()
        )
    }
}

/// Our image is small, and has no shell; gives its size.
pub(crate) fn image(stack: &Stack<'_>) -> Result<u64, Error> {
    let ours = format!("watertight:{TAG}");
    let size = size(stack, &ours)?;
    if size > IMAGE_MAX {
        return Err(found(format!(
            "our image has {size} bytes: at most {IMAGE_MAX}"
        )));
    }
    for shell in ["/bin/sh", "/bin/bash", "/busybox/sh"] {
        let run = [
            "run",
            "--rm",
            "--network",
            "none",
            "--entrypoint",
            shell,
            &ours,
            "-c",
            ":",
        ];
        match stack.engine().ask(&run) {
            // Docker's own code for a program that isn't in the image.
            Err(Error::Ended { status, .. }) if status.code() == Some(NO_SUCH_PROGRAM) => {}
            Ok(_) | Err(Error::Ended { .. }) => {
                return Err(found(format!("our image may have a shell: {shell}")));
            }
            Err(other) => return Err(other),
        }
    }
    println!("image       {:.1} MiB, no shell", mib(size));
    Ok(size)
}

/// Bytes of an image.
fn size(stack: &Stack<'_>, image: &str) -> Result<u64, Error> {
    let format = ["image", "inspect", "--format", "{{.Size}}", image];
    let said = stack.engine().ask(&format)?;
    let size = said.trim().parse();
    size.map_err(|_not_a_number| found(format!("{image} has {said} bytes")))
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// `12.5MiB` as bytes.
fn bytes(text: &str) -> Option<u64> {
    let units = [
        ("KiB", 1_024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("B", 1.0),
    ];
    let (unit, size) = units
        .into_iter()
        .find(|(unit, _size)| text.ends_with(unit))?;
    let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes of memory"
    )]
    Some((number * size) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_writes_them() {
        assert_eq!(bytes("512B"), Some(512));
        assert_eq!(bytes("1.5KiB"), Some(1_536));
        assert_eq!(bytes("12.5MiB"), Some(13_107_200));
        assert_eq!(bytes("1GiB"), Some(1_073_741_824));
        assert_eq!(bytes("--"), None);
    }

    #[test]
    fn a_container_that_sleeps_is_never_counted_as_proven() {
        let row = |service: &str, program| Row {
            service: service.to_owned(),
            used: 2_000_000,
            limit: 64 * 1024 * 1024,
            image: 1024 * 1024,
            program,
            real: program,
        };
        let figures = Figures {
            rows: vec![row("orders", true), row("grafana", false)],
            allowed: 1_000_000_000,
            image: 36 * 1024 * 1024,
            healthy: Duration::from_secs(9),
        };
        let said = figures.to_string();
        let line = |name| said.lines().find(|line: &&str| line.starts_with(name));
        assert!(
            line("grafana").is_some_and(|line| line.contains("NOT PROVEN")),
            "{said}"
        );
        assert!(
            line("orders").is_some_and(|line| line.ends_with("1.0 MiB")),
            "{said}"
        );
        assert!(
            line("containers").is_some_and(|line| line.contains("2 (at most 14), 1 of")),
            "{said}"
        );
        assert!(
            line("memory ").is_some_and(|line| line.contains(" 2 MB in use by those 1;")),
            "{said}"
        );
    }
}
