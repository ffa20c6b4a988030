//! Under load, with slow and vanishing clients, and at the end: bounded, answered, drained.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{Running, Shop, large_png, png, read_answer, send, wait_until};

const PREDICT: &str = "/v1/models/part/predict";

/// Statuses of so many requests of the same image at a time.
fn statuses(server: &Running, requests: usize, image: &[u8]) -> Vec<u16> {
    std::thread::scope(|scope| {
        let post = || server.post(PREDICT, &[], image);
        let threads: Vec<_> = (0..requests).map(|_| scope.spawn(post)).collect();
        let answers = threads.into_iter().map(|thread| thread.join().unwrap());
        answers
            .map(|answer| {
                if answer.status == 429 {
                    assert_eq!(answer.code(), "queue_full");
                    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                    assert!((1..600).contains(&seconds));
                }
                answer.status
            })
            .collect()
    })
}

#[test]
fn a_full_queue_is_told_and_what_is_in_it_is_answered() {
    let shop = Shop::new();
    let mut settings = shop.settings();
    (settings.workers, settings.queue) = (1, 2);
    let server = Running::new(settings);
    let statuses = statuses(&server, 24, &large_png(1500));
    let count = |status: u16| statuses.iter().filter(|&&other| other == status).count();
    assert!(count(200) >= 3 && count(429) > 0, "{statuses:?}");
    assert_eq!(count(200) + count(429), 24, "{statuses:?}");
    assert_eq!(server.post(PREDICT, &[], &png()).status, 200);
    assert_eq!(server.figure("anoseg_failures_total", "queue_full"), count(429) as f64);
    assert_eq!(server.figure("anoseg_queue_length", ""), 0.0);
}

#[test]
fn a_request_that_waits_too_long_is_ended_and_not_computed() {
    let shop = Shop::new();
    let mut settings = shop.settings();
    (settings.workers, settings.deadline) = (1, Duration::from_millis(250));
    let server = Running::new(settings);
    let statuses = statuses(&server, 32, &large_png(2500));
    let late = statuses.iter().filter(|&&status| status == 504).count();
    assert!(late > 0, "{statuses:?}");
    assert_eq!(server.figure("anoseg_failures_total", "deadline"), late as f64);
    wait_until("the thread is free again", || server.post(PREDICT, &[], &png()).status == 200);
    assert!(server.figure("anoseg_decode_seconds_count", "") < 32.0);
}

#[test]
fn work_of_clients_that_have_gone_is_dropped() {
    let shop = Shop::new();
    let mut settings = shop.settings();
    settings.workers = 1;
    let server = Running::new(settings);
    let image = large_png(2000);
    let head =
        format!("POST {PREDICT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", image.len());
    let clients: Vec<TcpStream> = (0..12)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&image).unwrap();
            stream
        })
        .collect();
    wait_until("requests wait", || server.figure("anoseg_queue_length", "") >= 5.0);
    drop(clients);
    wait_until("they are counted", || server.figure("anoseg_failures_total", "client_gone") >= 5.0);
    assert_eq!(server.post(PREDICT, &[], &png()).status, 200);
    assert!(server.figure("anoseg_decode_seconds_count", "") < 12.0);
}

#[test]
fn clients_that_die_in_the_middle_of_a_body_leave_nothing() {
    let shop = Shop::new();
    let mut settings = shop.settings();
    // Twice the image: a share of the budget that is not given back would end the test soon.
    settings.most_bodies = 2 * png().len() as u64;
    let server = Running::new(settings);
    let image = png();
    for part in 0..40 {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let head =
            format!("POST {PREDICT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", image.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&image[..part * image.len() / 40]).unwrap();
        drop(stream);
    }
    wait_until("requests are answered", || server.post(PREDICT, &[], &image).status == 200);
}

#[test]
fn slow_clients_are_ended() {
    let shop = Shop::new();
    let mut settings = shop.settings();
    let short = Duration::from_millis(200);
    (settings.header_timeout, settings.body_timeout, settings.write_timeout) = (short, short, short);
    let server = Running::new(settings);
    let connect = |text: &str| {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let begun = Instant::now();
    // No headers, half of them, none after an answer: the connection ends.
    for text in
        ["", "GET /healthz HTTP/1.1\r\nhost: local", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"]
    {
        let mut rest = Vec::new();
        // It may be reset, too.
        _ = connect(text).read_to_end(&mut rest);
    }
    // Half of a body: that is told.
    let mut stream = connect(&format!(
        "POST {PREDICT} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 100\r\n\r\nhalf"
    ));
    let answer = read_answer(&mut stream).unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (408, "slow_body"));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let image = large_png(2000);
    // Answers that nobody reads: the server ends the connection, and the rest is not there.
    let request = format!(
        "POST {PREDICT} HTTP/1.1\r\nhost: localhost\r\naccept: image/tiff\r\ncontent-length: {}\r\n\r\n",
        image.len()
    );
    let mut stream = connect(&request);
    stream.write_all(&image).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let mut rest = Vec::new();
    _ = stream.read_to_end(&mut rest);
    assert!(rest.len() < 4 * 2000 * 2000, "{} bytes", rest.len());
}

#[test]
fn a_server_that_is_stopped_answers_what_is_under_way() {
    let shop = Shop::new();
    let mut settings = shop.settings();
    settings.workers = 1;
    let server = Running::new(settings);
    let (address, image) = (server.address, large_png(2500));
    // A connection that idles does not keep the server.
    let idle = TcpStream::connect(address).unwrap();
    std::thread::scope(|scope| {
        let post = || send(address, "POST", PREDICT, &[], &image);
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(post)).collect();
        wait_until("requests wait", || server.figure("anoseg_queue_length", "") >= 4.0);
        server.stop();
        let begun = Instant::now();
        server.join();
        assert!(begun.elapsed() < Duration::from_secs(19), "{:?}", begun.elapsed());
        for thread in threads {
            assert_eq!(thread.join().unwrap().unwrap().status, 200);
        }
    });
    assert!(TcpStream::connect(address).is_err());
    drop(idle);
}

#[test]
fn the_grace_ends_what_takes_too_long() {
    let shop = Shop::new();
    let mut settings = shop.settings();
    (settings.workers, settings.grace) = (1, Duration::from_millis(100));
    let server = Running::new(settings);
    // A body that never ends.
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = format!("POST {PREDICT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf");
    stream.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    server.stop();
    let begun = Instant::now();
    server.join();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
