//! What the engine says of a container.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A container, as far as it is looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Container {
    pub(crate) state: State,
    pub(crate) restart_count: u64,
    pub(crate) config: Config,
    pub(crate) host_config: HostConfig,
}

/// How it is now.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct State {
    pub(crate) status: String,
    pub(crate) pid: i32,
    #[serde(rename = "OOMKilled")]
    pub(crate) oom_killed: bool,
    pub(crate) health: Option<Health>,
}

/// What its health check says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Health {
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) log: Vec<Check>,
}

/// One health check.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Check {
    pub(crate) output: String,
}

/// What it was made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config {
    /// As the compose file names it.
    pub(crate) image: String,
    pub(crate) user: String,
    pub(crate) labels: BTreeMap<String, String>,
}

/// What it may do and have.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HostConfig {
    /// Bytes; 0 is no limit.
    pub(crate) memory: u64,
    pub(crate) readonly_rootfs: bool,
    pub(crate) privileged: bool,
    pub(crate) cap_drop: Option<Vec<String>>,
    pub(crate) cap_add: Option<Vec<String>>,
    pub(crate) security_opt: Option<Vec<String>>,
    pub(crate) port_bindings: Option<BTreeMap<String, Option<Vec<Binding>>>>,
    pub(crate) binds: Option<Vec<String>>,
}

/// Where a port is published.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Binding {
    pub(crate) host_ip: String,
}

impl Container {
    /// The name of its service in the compose file.
    pub(crate) fn service(&self) -> &str {
        let label = self.config.labels.get("com.docker.compose.service");
        label.map_or("", String::as_str)
    }

    /// Whether its health check is green.
    pub(crate) fn is_healthy(&self) -> bool {
        self.state
            .health
            .as_ref()
            .is_some_and(|h| h.status == "healthy")
    }

    /// What the last health check said.
    pub(crate) fn last_check(&self) -> &str {
        let log = self.state.health.as_ref().map(|health| &health.log);
        log.and_then(|log| log.last())
            .map_or("", |check| check.output.trim())
    }

    /// What is soft about it; empty if it is as hard as the file promises.
    pub(crate) fn soft_spots(&self) -> Vec<String> {
        let host = &self.host_config;
        let has = |list: &Option<Vec<String>>, what: &str| {
            list.iter().flatten().any(|entry| entry.starts_with(what))
        };
        let root = matches!(
            self.config.user.split(':').next(),
            None | Some("" | "0" | "root")
        );
        let everywhere = host
            .port_bindings
            .iter()
            .flat_map(BTreeMap::values)
            .flatten();
        let reached = everywhere.flatten().any(|at| at.host_ip != "127.0.0.1");
        let spots = [
            (host.memory == 0, "has no memory limit"),
            (!host.readonly_rootfs, "can write its root file system"),
            (host.privileged, "is privileged"),
            (!has(&host.cap_drop, "ALL"), "keeps capabilities"),
            (
                host.cap_add.iter().flatten().next().is_some(),
                "adds capabilities",
            ),
            (
                !has(&host.security_opt, "no-new-privileges"),
                "may gain privileges",
            ),
            (root, "runs as root"),
            (reached, "is reached from other machines"),
            (
                has(&host.binds, "/var/run/docker.sock"),
                "sees Docker's socket",
            ),
        ];
        let spots = spots.into_iter().filter(|(soft, _what)| *soft);
        spots
            .map(|(_soft, what)| format!("{} {what}", self.service()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(change: &str, to: &str) -> Container {
        let text = r#"{"State":{"Status":"running","Pid":1,"OOMKilled":false,
            "Health":{"Status":"healthy","Log":[{"Output":"ok\n"}]}},"RestartCount":0,
            "Config":{"Image":"i","User":"65532:65532","Labels":{"com.docker.compose.service":"orders"}},
            "HostConfig":{"Memory":1,"ReadonlyRootfs":true,"Privileged":false,"CapDrop":["ALL"],
            "CapAdd":null,"SecurityOpt":["no-new-privileges:true"],"Binds":["v:/data:rw"],
            "PortBindings":{"8080/tcp":[{"HostIp":"127.0.0.1","HostPort":"1"}]}}}"#;
        assert!(change.is_empty() || text.contains(change), "{change}");
        serde_json::from_str(&text.replace(change, to)).unwrap()
    }

    #[test]
    fn what_is_soft_is_named() {
        let hard = container("", "");
        assert!(hard.is_healthy());
        assert_eq!((hard.service(), hard.last_check()), ("orders", "ok"));
        assert_eq!(hard.soft_spots(), [""; 0]);
        for (change, to) in [
            (r#""Memory":1"#, r#""Memory":0"#),
            (r#""ReadonlyRootfs":true"#, r#""ReadonlyRootfs":false"#),
            (r#""Privileged":false"#, r#""Privileged":true"#),
            (r#""CapDrop":["ALL"]"#, r#""CapDrop":null"#),
            (r#""CapAdd":null"#, r#""CapAdd":["SYS_ADMIN"]"#),
            ("no-new-privileges", "seccomp=unconfined"),
            ("65532:65532", ""),
            ("65532:65532", "0:0"),
            ("127.0.0.1", "0.0.0.0"),
            ("v:/data:rw", "/var/run/docker.sock:/var/run/docker.sock:ro"),
        ] {
            assert_eq!(
                container(change, to).soft_spots().len(),
                1,
                "{change} → {to}"
            );
        }
    }
}
