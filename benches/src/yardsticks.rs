//! What Stanchion is held against: bare Pingora, built in the same workspace and profile, and nginx with one worker.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use stanchion_testkit::net::free_port;

use crate::contestant::{Callgrind, Contestant, Start, server_core};

/// Bare Pingora doing this `work` (see `bin/bare_pingora.rs`).
pub fn bare(dir: &Path, name: &'static str, work: &[&str], callgrind: Callgrind<'_>) -> Result<Contestant> {
    let port = free_port();
    let mut command = vec![binary("bare-pingora")?, "--listen".into(), format!("127.0.0.1:{port}")];
    command.extend(work.iter().map(|word| (*word).to_owned()));
    Contestant::start(&Start {
        name,
        command,
        port,
        core: server_core(),
        dir,
        callgrind,
    })
}

/// nginx with one worker: `location` is the body of `location /`.
pub fn nginx(
    name: &'static str,
    dir: &Path,
    core: &str,
    location: &str,
    callgrind: Callgrind<'_>,
) -> Result<Contestant> {
    let port = free_port();
    let config = dir.join(format!("{}.conf", name.replace(' ', "-")));
    fs::write(&config, nginx_config(port, location, callgrind.is_on()))?;
    let command = vec![
        "nginx".into(),
        "-p".into(),
        dir.display().to_string(),
        "-c".into(),
        config.display().to_string(),
    ];
    Contestant::start(&Start {
        name,
        command,
        port,
        core,
        dir,
        callgrind,
    })
}

/// `upstream origin`, where a location names it, keeps its connections.
fn nginx_config(port: u16, location: &str, one_process: bool) -> String {
    let user = if runs_as_root() { "user root;" } else { "" };
    let workers = if one_process {
        "master_process off;"
    } else {
        "worker_processes 1;"
    };
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {kind}{port}; "))
        .collect();
    format!(
        "daemon off; {user} {workers} pid {port}.pid; error_log /dev/null crit;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; keepalive_requests 100000000; default_type text/plain; {paths}\n\
         {location} }}\n"
    )
    .replace("@listen", &format!("listen 127.0.0.1:{port} backlog=4096;"))
}

/// nginx answering everything by itself.
pub fn answering(content_type: &str, body: &str) -> String {
    format!("server {{ @listen location / {{ default_type {content_type}; return 200 '{body}'; }} }}")
}

/// nginx forwarding to one origin over connections that it keeps.
pub fn forwarding(origin: u16) -> String {
    format!(
        "upstream origin {{ server 127.0.0.1:{origin}; keepalive 128; keepalive_requests 100000000; }}\n\
         server {{ @listen location / {{ proxy_pass http://origin; proxy_http_version 1.1; \
         proxy_set_header Connection ''; proxy_set_header Host $host; \
         proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; }} }}"
    )
}

fn runs_as_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

/// A binary of the same profile as this one.
pub fn binary(name: &str) -> Result<String> {
    let path: PathBuf = std::env::current_exe()?.with_file_name(name);
    ensure!(
        path.exists(),
        "{} is not built: cargo build --release -p stanchion -p stanchion-benches",
        path.display()
    );
    path.to_str()
        .map(str::to_owned)
        .context("the target folder's path is not UTF-8")
}
