//! Archives whose bytes depend on the files alone: sorted, of one time, of no user.

use std::io::{Cursor, Write as _};

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};

use crate::date::Date;
use crate::files::Files;

/// A tar archive. Folders come before their files.
pub(crate) fn tar(files: &Files, epoch: u64) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, entry) in &files.entries {
        let content = entry.content.as_deref().unwrap_or_default();
        let mut header = tar::Header::new_ustar();
        let folder = entry.content.is_none();
        header.set_entry_type(if folder { tar::EntryType::Directory } else { tar::EntryType::Regular });
        header
            .set_path(if folder { format!("{path}/") } else { path.clone() })
            .context("a path is too long")?;
        header.set_size(content.len().try_into()?);
        header.set_mode(entry.mode);
        header.set_mtime(epoch);
        header.set_uid(entry.owner.into());
        header.set_gid(entry.owner.into());
        header.set_cksum();
        archive.append(&header, content)?;
    }
    Ok(archive.into_inner()?)
}

/// The bytes, compressed by gzip, without a name and a time.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// A ZIP archive.
pub(crate) fn zip(files: &Files, epoch: u64) -> Result<Vec<u8>> {
    let date = Date::new(epoch);
    let time = zip::DateTime::from_date_and_time(
        date.year.try_into()?,
        date.month.try_into()?,
        date.day.try_into()?,
        date.hour.try_into()?,
        date.minute.try_into()?,
        date.second.try_into()?,
    )
    .context("ZIP archives have times from 1980 on; SOURCE_DATE_EPOCH is before")?;
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, entry) in &files.entries {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .last_modified_time(time)
            .unix_permissions(entry.mode);
        match &entry.content {
            Some(content) => {
                archive.start_file(path.as_str(), options)?;
                archive.write_all(content)?;
            }
            None => archive.add_directory(path.as_str(), options)?,
        }
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn files() -> Files {
        let mut files = Files::default();
        files.add_program("anoseg-1/bin/anoseg", "program");
        files.add("anoseg-1/README.md", "text");
        files
    }

    #[test]
    fn a_tar_archive_has_sorted_entries_of_one_time_and_of_no_user() {
        let bytes = tar(&files(), 1_000_000_000).unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries: Vec<(String, u32, u64, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                let user = header.uid().unwrap() + header.gid().unwrap();
                assert_eq!(header.username().unwrap(), Some(""));
                let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
                (path, header.mode().unwrap(), header.mtime().unwrap(), user)
            })
            .collect();
        let expected = [("", 0o755), ("README.md", 0o644), ("bin/", 0o755), ("bin/anoseg", 0o755)];
        let expected = expected.map(|(path, mode)| (format!("anoseg-1/{path}"), mode, 1_000_000_000, 0));
        assert_eq!(entries, expected);
        assert_eq!(gzip(&bytes).unwrap()[4..8], [0; 4], "the time of compression");
    }

    #[test]
    fn a_zip_archive_has_the_files_and_the_time_of_the_source() {
        let bytes = zip(&files(), 1_000_000_000).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut file = archive.by_name("anoseg-1/bin/anoseg").unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), file.unix_mode().unwrap() & 0o777), ("program", 0o755));
        assert_eq!(file.last_modified().unwrap().to_string(), "2001-09-09 01:46:40");
        assert!(zip(&files(), 0).unwrap_err().to_string().contains("1980"));
    }
}
