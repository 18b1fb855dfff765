//! An HTTP server for tests: answers a fixed list of requests on 127.0.0.1, then ends.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// How one request is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The bytes, from where the `Range` header says.
    Ranged(Vec<u8>),
    /// All bytes, whatever the `Range` header says.
    Whole(Vec<u8>),
    /// Announces all bytes (from the range on), sends so many, then hangs up.
    CutAfter(Vec<u8>, usize),
    /// All bytes without an announced length; the end is where the connection ends.
    Unannounced(Vec<u8>),
    /// A part of the file that is not the one that was asked for.
    WrongRange(Vec<u8>),
    /// A status without a body.
    Status(u16),
}

/// A running server.
pub struct Server {
    address: String,
    thread: JoinHandle<Vec<Option<u64>>>,
}

impl Server {
    /// Starts a server that answers exactly these requests, one a connection.
    pub fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let thread = std::thread::spawn(move || {
            answers.into_iter().map(|answer| serve(listener.accept().unwrap().0, answer)).collect()
        });
        Self { address, thread }
    }

    /// The address of a file on this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// The first byte that each request asked for. Waits for the last request, so call it only when all were made.
    pub fn ranges(self) -> Vec<Option<u64>> {
        self.thread.join().unwrap()
    }
}

/// An address on this computer where nobody listens.
pub fn deaf_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/file", listener.local_addr().unwrap())
}

fn serve(mut stream: TcpStream, answer: Answer) -> Option<u64> {
    let mut range = None;
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let line = line.unwrap().to_ascii_lowercase();
        if let Some(start) = line.strip_prefix("range: bytes=") {
            range = start.trim_end_matches('-').parse::<u64>().ok();
        }
        if line.is_empty() {
            break;
        }
    }
    // The client may hang up first, for instance when the file is too large.
    let _ = respond(&mut stream, answer, range);
    range
}

fn respond(stream: &mut TcpStream, answer: Answer, range: Option<u64>) -> std::io::Result<()> {
    let from = |bytes: &[u8]| range.map_or(0, |start| (start as usize).min(bytes.len()));
    match answer {
        Answer::Ranged(bytes) => {
            head(stream, range, bytes.len())?;
            stream.write_all(&bytes[from(&bytes)..])
        }
        Answer::Whole(bytes) => {
            head(stream, None, bytes.len())?;
            stream.write_all(&bytes)
        }
        Answer::CutAfter(bytes, count) => {
            head(stream, range, bytes.len())?;
            let start = from(&bytes);
            stream.write_all(&bytes[start..(start + count).min(bytes.len())])
        }
        Answer::Unannounced(bytes) => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&bytes)
        }
        Answer::WrongRange(bytes) => {
            write!(stream, "HTTP/1.1 206 Partial Content\r\nConnection: close\r\n")?;
            write!(stream, "Content-Range: bytes 0-{}/{}\r\n", bytes.len() - 1, bytes.len())?;
            write!(stream, "Content-Length: {}\r\n\r\n", bytes.len())?;
            stream.write_all(&bytes)
        }
        Answer::Status(status) => {
            write!(stream, "HTTP/1.1 {status} Sorry\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        }
    }
}

fn head(stream: &mut TcpStream, range: Option<u64>, total: usize) -> std::io::Result<()> {
    match range {
        Some(start) if start as usize >= total => {
            write!(stream, "HTTP/1.1 416 Range Not Satisfiable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        }
        Some(start) => {
            let rest = total - start as usize;
            write!(stream, "HTTP/1.1 206 Partial Content\r\nConnection: close\r\n")?;
            write!(stream, "Content-Range: bytes {start}-{}/{total}\r\nContent-Length: {rest}\r\n\r\n", total - 1)
        }
        None => write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {total}\r\n\r\n"),
    }
}
