//! `anoseg completions` and `anoseg man`: the command line, described for shells and for man.

use anoseg_image::write;
use anyhow::{Context as _, Result};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::args::{Arguments, Completions, ManPages};
use crate::exit::Outcome;
use crate::{console, outputs};

pub(crate) fn completions(options: &Completions) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "anoseg", &mut script);
    console::result(String::from_utf8(script).context("the completions are no text")?.trim_end());
    Ok(Outcome::Fine)
}

pub(crate) fn man_pages(options: &ManPages) -> Result<Outcome> {
    // `anoseg help` has the text of --help, which the pages have.
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let pages = pages(command)?;
    for (name, _) in &pages {
        outputs::prepare_file(&options.folder.join(name), "FOLDER", outputs::Output::ManPage)?;
    }
    for (name, text) in &pages {
        write::atomic(&options.folder.join(name), |file| file.write_all(text))?;
    }
    console::note(&format!("{} pages in {}", pages.len(), options.folder.display()));
    Ok(Outcome::Fine)
}

/// The names and texts of the pages of a command and all below it.
fn pages(command: Command) -> Result<Vec<(String, Vec<u8>)>> {
    let mut pages = Vec::new();
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        pages.append(&mut self::pages(command.clone())?);
    }
    let page = Man::new(command).source(concat!("anoseg ", env!("CARGO_PKG_VERSION"))).manual("anoseg");
    let mut text = Vec::new();
    page.render(&mut text).context("a page cannot be written")?;
    pages.push((page.get_filename(), text));
    Ok(pages)
}
