//! Downloads from a server that cuts, refuses, ignores ranges or sends something else.

use std::path::Path;

use super::helpers::{bytes, names, sha256};
use super::server::{Answer, Server, deaf_url};
use crate::datasets::download::{Downloader, Wanted, part_of};
use crate::datasets::error::{DatasetError, Result};
use crate::datasets::progress::Progress;

fn get(url: &str, data: &[u8], to: &Path) -> Result<()> {
    let hash = sha256(data);
    let size = data.len() as u64;
    let wanted = Wanted { url, sha256: Some(&hash), size: Some(size), limit: size };
    Downloader::for_tests(3).get(&wanted, to, &Progress::new("test", None, true))
}

#[test]
fn a_file_arrives_under_its_name_and_nothing_else_stays() {
    let (folder, data) = (tempfile::tempdir().unwrap(), bytes(200_000));
    let server = Server::start(vec![Answer::Ranged(data.clone())]);
    get(&server.url("a"), &data, &folder.path().join("a")).unwrap();
    assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), data);
    assert_eq!(names(folder.path()), ["a"]);
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn a_file_that_is_there_already_is_not_asked_for() {
    let (folder, data) = (tempfile::tempdir().unwrap(), bytes(10));
    std::fs::write(folder.path().join("a"), &data).unwrap();
    get(&deaf_url(), &data, &folder.path().join("a")).unwrap();
}

#[test]
fn a_cut_connection_is_continued_where_it_broke() {
    let (folder, data) = (tempfile::tempdir().unwrap(), bytes(200_000));
    let server = Server::start(vec![
        Answer::CutAfter(data.clone(), 70_000),
        Answer::CutAfter(data.clone(), 30_000),
        Answer::Ranged(data.clone()),
    ]);
    get(&server.url("a"), &data, &folder.path().join("a")).unwrap();
    assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), data);
    assert_eq!(server.ranges(), [None, Some(70_000), Some(100_000)]);
}

#[test]
fn a_connection_that_ends_early_without_an_announced_length_is_noticed() {
    let (folder, data) = (tempfile::tempdir().unwrap(), bytes(1000));
    let server = Server::start(vec![Answer::Unannounced(data[..400].to_vec()), Answer::Ranged(data.clone())]);
    get(&server.url("a"), &data, &folder.path().join("a")).unwrap();
    assert_eq!(server.ranges(), [None, Some(400)]);
}

#[test]
fn a_second_call_continues_what_the_first_one_left() {
    let (folder, data) = (tempfile::tempdir().unwrap(), bytes(1000));
    let to = folder.path().join("a");
    std::fs::write(part_of(&to), &data[..600]).unwrap();
    let server = Server::start(vec![Answer::Ranged(data.clone())]);
    get(&server.url("a"), &data, &to).unwrap();
    assert_eq!(server.ranges(), [Some(600)]);
}

#[test]
fn a_server_that_ignores_the_range_starts_the_file_over() {
    let (folder, data) = (tempfile::tempdir().unwrap(), bytes(1000));
    let server = Server::start(vec![Answer::CutAfter(data.clone(), 600), Answer::Whole(data.clone())]);
    get(&server.url("a"), &data, &folder.path().join("a")).unwrap();
    assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), data);
    assert_eq!(server.ranges(), [None, Some(600)]);
}

#[test]
fn a_server_that_sends_another_range_starts_the_file_over() {
    let (folder, data) = (tempfile::tempdir().unwrap(), bytes(1000));
    let to = folder.path().join("a");
    std::fs::write(part_of(&to), &data[..600]).unwrap();
    let server = Server::start(vec![Answer::WrongRange(data.clone()), Answer::Ranged(data.clone())]);
    get(&server.url("a"), &data, &to).unwrap();
    assert_eq!(server.ranges(), [Some(600), None]);
}

#[test]
fn leftovers_of_another_version_cost_one_more_download_and_no_failure() {
    let (folder, data) = (tempfile::tempdir().unwrap(), bytes(1000));
    let to = folder.path().join("a");
    std::fs::write(part_of(&to), [7; 600]).unwrap();
    let server = Server::start(vec![Answer::Ranged(data.clone()), Answer::Ranged(data.clone())]);
    get(&server.url("a"), &data, &to).unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), data);
    assert_eq!(server.ranges(), [Some(600), None]);
}

#[test]
fn a_wrong_checksum_names_both_and_keeps_nothing() {
    let (folder, data) = (tempfile::tempdir().unwrap(), bytes(1000));
    let other = vec![1; 1000];
    let server = Server::start(vec![Answer::Ranged(other.clone())]);
    let error = get(&server.url("a"), &data, &folder.path().join("a")).unwrap_err();
    assert!(matches!(error, DatasetError::WrongHash { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&sha256(&data)) && text.contains(&sha256(&other)), "{text}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn a_shorter_file_that_arrives_whole_has_the_wrong_checksum() {
    let (folder, data) = (tempfile::tempdir().unwrap(), bytes(1000));
    let server = Server::start(vec![Answer::Ranged(data[..500].to_vec())]);
    let error = get(&server.url("a"), &data, &folder.path().join("a")).unwrap_err();
    assert!(matches!(error, DatasetError::WrongHash { .. }), "{error}");
}

#[test]
fn a_missing_file_is_reported_at_once_with_address_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(vec![Answer::Status(404)]);
    let url = server.url("gone");
    let text = get(&url, b"x", &folder.path().join("a")).unwrap_err().to_string();
    assert!(text.contains(&url) && text.contains("404") && text.contains("--mirror"), "{text}");
    assert_eq!(server.ranges().len(), 1);
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let (folder, data) = (tempfile::tempdir().unwrap(), bytes(10));
    let server = Server::start(vec![Answer::Status(503), Answer::Status(429), Answer::Ranged(data.clone())]);
    get(&server.url("a"), &data, &folder.path().join("a")).unwrap();
    assert_eq!(server.ranges().len(), 3);
}

#[test]
fn without_a_server_the_message_tells_of_the_mirror() {
    let folder = tempfile::tempdir().unwrap();
    let error = get(&deaf_url(), b"x", &folder.path().join("a")).unwrap_err();
    assert!(matches!(error, DatasetError::Network { .. }), "{error}");
    assert!(error.to_string().contains("--mirror DIR"), "{error}");
}

#[test]
fn a_file_larger_than_allowed_is_dropped_whether_announced_or_not() {
    for answer in [Answer::Ranged(bytes(5000)), Answer::Unannounced(bytes(500_000))] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(vec![answer]);
        let error = get(&server.url("a"), &bytes(1000), &folder.path().join("a")).unwrap_err();
        assert!(matches!(error, DatasetError::TooLarge { limit: 1000, .. }), "{error}");
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }
}
