//! nginx with the node's own certificates, for comparison.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::stand::{Process, free};

/// A running nginx.
pub struct Nginx {
    pub process: Process,
    pub address: SocketAddr,
    _folder: TempDir,
}

/// What is installed; none: nothing.
pub fn version() -> Option<String> {
    let output = Command::new("nginx").arg("-v").output().ok()?;
    Some(String::from_utf8_lossy(&output.stderr).trim().trim_start_matches("nginx version: ").to_owned())
}

impl Nginx {
    /// Starts one that requires client certificates, resumes nothing and answers without a file.
    pub async fn serving(certs: &Path) -> Result<Self> {
        let (folder, address) = (tempfile::tempdir()?, free()?);
        let (dir, certs) = (folder.path().display(), certs.display());
        let settings = format!(
            "daemon off;\npid {dir}/pid;\nerror_log {dir}/error.log crit;\nworker_processes auto;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n  access_log off;\n  server_tokens off;\n\
             client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;\n\
             uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;\n\
             server {{\n    listen {address} ssl backlog=1024;\n\
             ssl_certificate {certs}/server.pem; ssl_certificate_key {certs}/server.key;\n\
             ssl_client_certificate {certs}/ca.pem; ssl_verify_client on;\n\
             ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache off; ssl_session_tickets off;\n\
             location / {{ return 404; }}\n  }}\n}}\n"
        );
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, settings)?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&path).arg("-p").arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process::new(command.spawn()?);
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(address).await.is_err() {
            ensure!(begun.elapsed() < Duration::from_secs(10), "nginx does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { process, address, _folder: folder })
    }
}
