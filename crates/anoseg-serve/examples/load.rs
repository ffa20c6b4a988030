//! Measures a server: clients that send one image after the other, each on one connection.
//!
//!     cargo run --release -p anoseg-serve --example load -- 127.0.0.1:8000 part image.jpg 16 10
//!
//! Arguments: address, model, image file, clients, seconds.
#![allow(clippy::print_stdout, reason = "it is a tool")]

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, model, file, clients, seconds] = arguments.as_slice() else {
        return Err("give ADDRESS MODEL IMAGE CLIENTS SECONDS".into());
    };
    let image = std::fs::read(file)?;
    let (clients, time): (usize, _) = (clients.parse()?, Duration::from_secs_f64(seconds.parse()?));
    let begun = Instant::now();
    let client = || run(address, model, &image, begun + time);
    let mut times = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        let results =
            threads.into_iter().map(|thread| thread.join().map_err(|_| io::Error::other("panic"))?);
        results.collect::<io::Result<Vec<_>>>()
    })?
    .concat();
    let seconds = begun.elapsed().as_secs_f64();
    times.sort();
    let at = |share: f64| {
        times.get((share * times.len() as f64) as usize).map_or(0.0, |time| 1e3 * time.as_secs_f64())
    };
    println!(
        "{} requests, {:.1} requests/s, median {:.1} ms, p99 {:.1} ms",
        times.len(),
        times.len() as f64 / seconds,
        at(0.5),
        at(0.99)
    );
    Ok(())
}

/// The time of each request of a client, all of which must succeed.
fn run(address: &str, model: &str, image: &[u8], end: Instant) -> io::Result<Vec<Duration>> {
    let mut stream = BufReader::new(TcpStream::connect(address)?);
    stream.get_ref().set_nodelay(true)?;
    let head = format!(
        "POST /v1/models/{model}/predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
        image.len()
    );
    let request = [head.as_bytes(), image].concat();
    let mut times = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        stream.get_mut().write_all(&request)?;
        read_answer(&mut stream)?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

fn read_answer(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    let (mut line, mut length) = (String::new(), 0);
    stream.read_line(&mut line)?;
    if !line.contains(" 200 ") {
        return Err(io::Error::other(line));
    }
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    io::copy(&mut stream.take(length), &mut io::sink()).map(drop)
}
