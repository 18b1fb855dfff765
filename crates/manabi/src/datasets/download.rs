//! Downloads one file: continues what broke off, never takes more than allowed, and keeps only what hashes right.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::StatusCode;

use super::checksums::hash_file;
use super::error::{At, DatasetError, Result};
use super::progress::Progress;

/// What is to be downloaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Address of the file.
    pub url: &'a str,
    /// Expected sha256; without one the caller verifies what is in the file.
    pub sha256: Option<&'a str>,
    /// Expected number of bytes, where known.
    pub size: Option<u64>,
    /// The most bytes that are taken.
    pub limit: u64,
}

/// The client, and how patient it is.
pub(crate) struct Downloader {
    agent: ureq::Agent,
    attempts: u32,
    pause: Duration,
}

/// Why an attempt ended without the whole file.
enum Broken {
    /// Another attempt may help.
    Retry(DatasetError),
    /// Another attempt would end the same way.
    Final(DatasetError),
}

/// How an attempt went that brought the whole file.
struct Arrived {
    resumed: bool,
}

impl Default for Downloader {
    fn default() -> Self {
        Self::new(ureq::Agent::config_builder(), 4, Duration::from_secs(1))
    }
}

impl Downloader {
    /// A client that ignores proxies and repeats without a pause, for servers on this computer.
    #[cfg(test)]
    pub(crate) fn for_tests(attempts: u32) -> Self {
        Self::new(ureq::Agent::config_builder().proxy(None), attempts, Duration::ZERO)
    }

    fn new(config: ureq::config::ConfigBuilder<ureq::typestate::AgentScope>, attempts: u32, pause: Duration) -> Self {
        let config = config
            .http_status_as_error(false)
            // Compression on the way would make a byte range mean something else than the file's bytes.
            .accept_encoding("identity")
            .user_agent(concat!("manabi/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .build();
        Self { agent: config.into(), attempts, pause }
    }

    /// Downloads to `to`, by way of `<to>.part`, which outlives a failure so that the next call continues it.
    pub(crate) fn get(&self, wanted: &Wanted, to: &Path, progress: &Progress) -> Result<()> {
        if to.exists() {
            match check(wanted, to) {
                Ok(()) => return Ok(()),
                Err(_) => remove(to)?,
            }
        }
        let part = part_of(to);
        loop {
            let arrived = self.fill(wanted, &part, progress)?;
            match check(wanted, &part) {
                Ok(()) => break,
                Err(error) => {
                    remove(&part)?;
                    // The first bytes may come from another version of the file: once more from the start.
                    if !arrived.resumed {
                        return Err(error);
                    }
                    progress.note("the continued download has the wrong checksum, starting over");
                }
            }
        }
        OpenOptions::new().append(true).open(&part).and_then(|file| file.sync_all()).at("write", &part)?;
        std::fs::rename(&part, to).at("write", to)
    }

    /// Repeats attempts until the whole file is in `part`; gives up after some in a row that brought nothing.
    fn fill(&self, wanted: &Wanted, part: &Path, progress: &Progress) -> Result<Arrived> {
        let mut fruitless = 0;
        loop {
            let before = length(part);
            let error = match self.attempt(wanted, part, before, progress) {
                Ok(arrived) => return Ok(arrived),
                Err(Broken::Final(error)) => return Err(error),
                Err(Broken::Retry(error)) => error,
            };
            fruitless = if length(part) > before { 0 } else { fruitless + 1 };
            if fruitless >= self.attempts {
                return Err(error);
            }
            progress.note(&format!("trying again ({error})"));
            std::thread::sleep(self.pause * 2_u32.saturating_pow(fruitless.min(5)));
        }
    }

    fn attempt(&self, wanted: &Wanted, part: &Path, have: u64, progress: &Progress) -> Result<Arrived, Broken> {
        if have > 0 && wanted.size == Some(have) {
            return Ok(Arrived { resumed: true });
        }
        if have > wanted.limit {
            remove(part)?;
            return Err(Broken::Retry(self.network(wanted, "the bytes that were there already are too many")));
        }
        let mut request = self.agent.get(wanted.url);
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let response = request.call().map_err(|error| self.broken(wanted, &error))?;
        let continues = have > 0 && response.status() == StatusCode::PARTIAL_CONTENT;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::PARTIAL_CONTENT if continues && range_start(response.headers()) == Some(have) => {}
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => {
                remove(part)?;
                return Err(Broken::Retry(self.network(wanted, "the server cannot continue the file, starting over")));
            }
            status => {
                let error = DatasetError::Status { url: wanted.url.to_string(), status: status.as_u16() };
                let passing = status.is_server_error()
                    || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
                return Err(if passing { Broken::Retry(error) } else { Broken::Final(error) });
            }
        }
        // A server that ignores the range sends everything: then what was there is overwritten.
        let start = if continues { have } else { 0 };
        let announced = response.body().content_length().map(|rest| start.saturating_add(rest));
        if announced.is_some_and(|bytes| bytes > wanted.limit) {
            remove(part)?;
            return Err(Broken::Final(too_large(wanted)));
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(continues)
            .write(true)
            .truncate(!continues)
            .open(part)
            .at("write", part)?;
        let got = self.copy(wanted, response.into_body().into_reader(), &mut file, part, start, progress)?;
        // Without an announced length a broken connection looks like the end of the file.
        if announced.is_none() && wanted.size.is_some_and(|size| got < size) {
            return Err(Broken::Retry(self.network(wanted, "the connection ended early")));
        }
        Ok(Arrived { resumed: continues })
    }

    /// Appends the body to the file and returns the file's length.
    fn copy(
        &self,
        wanted: &Wanted,
        mut body: impl Read,
        file: &mut File,
        part: &Path,
        start: u64,
        progress: &Progress,
    ) -> Result<u64, Broken> {
        let mut length = start;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => return Ok(length),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Broken::Retry(self.network(wanted, &error.to_string()))),
            };
            length += count as u64;
            if length > wanted.limit {
                remove(part)?;
                return Err(Broken::Final(too_large(wanted)));
            }
            file.write_all(&buffer[..count]).at("write", part)?;
            progress.set(length);
        }
    }

    fn network(&self, wanted: &Wanted, reason: &str) -> DatasetError {
        DatasetError::Network { url: wanted.url.to_string(), reason: reason.to_string() }
    }

    fn broken(&self, wanted: &Wanted, error: &ureq::Error) -> Broken {
        use ureq::Error as E;
        let reason = match error {
            E::HostNotFound => "the server's name was not found (is there a network?)".to_string(),
            other => other.to_string(),
        };
        let failure = self.network(wanted, &reason);
        match error {
            E::Io(_) | E::Timeout(_) | E::Protocol(_) | E::ConnectionFailed | E::BodyStalled => Broken::Retry(failure),
            _ => Broken::Final(failure),
        }
    }
}

/// Whatever fails on this computer fails again.
impl From<DatasetError> for Broken {
    fn from(error: DatasetError) -> Self {
        Self::Final(error)
    }
}

/// Where the bytes gather until the file is whole.
pub(crate) fn part_of(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_os_string();
    name.push(".part");
    PathBuf::from(name)
}

fn check(wanted: &Wanted, path: &Path) -> Result<()> {
    let Some(expected) = wanted.sha256 else { return Ok(()) };
    let (found, _) = hash_file(path)?;
    if found == expected {
        return Ok(());
    }
    Err(DatasetError::WrongHash {
        what: wanted.url.to_string(),
        expected: expected.to_string(),
        found,
        remedy: "fetch it again, or take it from a mirror with `--mirror DIR`",
    })
}

fn too_large(wanted: &Wanted) -> DatasetError {
    DatasetError::TooLarge { what: wanted.url.to_string(), limit: wanted.limit }
}

/// The first byte that a `Content-Range: bytes 5-9/10` speaks of.
fn range_start(headers: &ureq::http::HeaderMap) -> Option<u64> {
    let value = headers.get("content-range")?.to_str().ok()?;
    value.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |data| data.len())
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(DatasetError::io("remove", path, error)),
        _ => Ok(()),
    }
}
