//! How a table is written: separator, header, decimal sign. Found from its beginning.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use super::{
    number::{number, wide},
    table::{is_remark, split},
    time,
};

/// How much of a file is looked at.
const HEAD: u64 = 1 << 18;
/// How many of its lines.
const LINES: usize = 64;

/// What stands between two cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// One byte: `;`, tab or `,`.
    Byte(u8),
    /// Any number of blanks and tabs.
    Blanks,
}

/// How a table is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// What stands between cells.
    pub separator: Separator,
    /// Names of the columns, if the first line holds names.
    pub header: Option<Vec<String>>,
    /// True if numbers have a decimal comma.
    pub comma: bool,
}

/// A table's dialect and its first lines of data, cell by cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The dialect.
    pub dialect: Dialect,
    /// Cells of up to 64 lines below the header; all of one length.
    pub rows: Vec<Vec<String>>,
}

impl Head {
    /// Names of the columns: the header's, or `channel 1`, `channel 2`, … by their place.
    pub fn names(&self) -> Vec<String> {
        match &self.dialect.header {
            Some(names) => names.clone(),
            None => (1..=self.rows.first().map_or(0, Vec::len)).map(|i| format!("channel {i}")).collect(),
        }
    }

    /// The cells of a column.
    pub fn column(&self, index: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(move |row| row.get(index)).map(String::as_str)
    }
}

/// Looks at the beginning of the file `path`.
pub fn head_of(path: &Path) -> Result<Head, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| e.to_string())?;
    file.take(HEAD).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 == HEAD && !bytes.contains(&b'\n') {
        // One very long line (a wide UCR series): all of it.
        let mut file = BufReader::new(File::open(path).map_err(|e| e.to_string())?.take(64 << 20));
        bytes.clear();
        file.read_until(b'\n', &mut bytes).map_err(|e| e.to_string())?;
        return head(&bytes, true);
    }
    let whole = (bytes.len() as u64) < HEAD;
    head(&bytes, whole)
}

/// The head of a table that begins with `bytes`; `whole` if no more follows.
pub fn head(bytes: &[u8], whole: bool) -> Result<Head, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || bytes.iter().take(4096).any(|b| *b == 0) {
        return Err("not a text in UTF-8; save it as UTF-8 (a spreadsheet's \"CSV UTF-8\")".into());
    }
    let mut lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    if !whole && lines.len() > 1 {
        lines.pop();
    }
    let lines: Vec<&[u8]> = lines.into_iter().filter(|l| !is_remark(l)).take(LINES + 1).collect();
    if lines.is_empty() {
        return Err("it is empty".into());
    }
    let candidates = [Separator::Byte(b';'), Separator::Byte(b'\t'), Separator::Byte(b','), Separator::Blanks];
    let found = candidates.into_iter().find_map(|separator| {
        let rows = cut(&lines, separator)?;
        let width = rows.first().map_or(0, Vec::len);
        (width > 1 && rows.iter().all(|r| r.len() == width)).then_some((separator, rows))
    });
    // A header whose names hold blanks above one column, or a single column.
    let (separator, rows) = match found {
        Some(found) => found,
        None => single(&lines)?,
    };
    Ok(described(separator, rows))
}

fn cut(lines: &[&[u8]], separator: Separator) -> Option<Vec<Vec<String>>> {
    let mut spans = Vec::new();
    let text = |line: &[u8], span: &std::ops::Range<usize>| String::from_utf8_lossy(&line[span.clone()]).into_owned();
    lines
        .iter()
        .map(|line| {
            split(line, separator, &mut spans).ok()?;
            Some(spans.iter().map(|span| text(line, span)).collect())
        })
        .collect()
}

/// One column, or lines of several lengths: then the separator that most lines have.
fn single(lines: &[&[u8]]) -> Result<(Separator, Vec<Vec<String>>), String> {
    let count = |byte: u8| lines.iter().filter(|l| l.contains(&byte)).count();
    let byte = [b';', b'\t', b','].into_iter().max_by_key(|b| (count(*b), *b == b';')).unwrap_or(b',');
    let rows = cut(lines, Separator::Byte(byte)).ok_or("a quote is not closed")?;
    Ok((Separator::Byte(byte), rows))
}

fn described(separator: Separator, mut rows: Vec<Vec<String>>) -> Head {
    let is_value =
        |cell: &String, comma| number(cell.as_bytes(), comma).is_some() || time::parse(cell.as_bytes()).is_some();
    // With a comma between cells there is none within numbers.
    let may = separator != Separator::Byte(b',');
    let comma =
        may && rows.iter().flatten().any(|c| c.contains(',') && wide(c.as_bytes(), true).is_some_and(|v| !v.is_nan()));
    let names = rows.first().is_some_and(|first| {
        let words = first.iter().any(|c| !c.is_empty()) && !first.iter().any(|c| !c.is_empty() && is_value(c, comma));
        words || numbered(first)
    });
    let header = names.then(|| rows.remove(0));
    Head { dialect: Dialect { separator, header, comma }, rows }
}

/// True for the header that pandas writes over an array: an empty cell over the index, then 0, 1, 2, …
fn numbered(first: &[String]) -> bool {
    first.len() > 2 && first[0].is_empty() && first[1..].iter().enumerate().all(|(at, cell)| *cell == at.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> (Separator, Option<Vec<String>>, bool) {
        let dialect = head(text.as_bytes(), true).unwrap().dialect;
        (dialect.separator, dialect.header, dialect.comma)
    }

    fn names(text: &str) -> Option<Vec<String>> {
        Some(text.split(',').map(str::to_string).collect())
    }

    #[test]
    fn separator_header_and_decimal_sign_are_found() {
        assert_eq!(found("t,a\n1,2.5\n2,3\n"), (Separator::Byte(b','), names("t,a"), false));
        assert_eq!(found(",0,1,2\n0,0.5,0.2,0.3\n1,0.1,0.2,0.4\n"), (Separator::Byte(b','), names(",0,1,2"), false));
        // Thousands parted by commas are no decimal commas.
        assert!(!found("a;b\n1,234.5;2\n").2);
        assert_eq!(found("a;b\n1,5;2,5\n"), (Separator::Byte(b';'), names("a,b"), true));
        assert_eq!(found("1\t0.5\t0.25\n2\t1\t1\n"), (Separator::Byte(b'\t'), None, false));
        assert_eq!(found("1 1 -0.5  \n1 2 0.25  \n"), (Separator::Blanks, None, false));
        assert_eq!(found("2020-01-01 10:00:00,1.5\n"), (Separator::Byte(b','), None, false));
        assert_eq!(
            found("Volume Flow;Current\n1.0;2.0\n"),
            (Separator::Byte(b';'), names("Volume Flow,Current"), false)
        );
        assert_eq!(found("# made by a logger\nvalue\n1\n2\n").1, names("value"));
        assert_eq!(found("walk,0.5\nrun,0.25\n").1, None);
    }

    #[test]
    fn empty_and_foreign_texts_are_refused_with_a_reason() {
        assert_eq!(head(b"\n\n# nothing\n", true).unwrap_err(), "it is empty");
        assert!(head(b"\xff\xfea\0,\0", true).unwrap_err().contains("UTF-8"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), whole: bool) {
            let _ = head(&bytes, whole);
        }
    }
}
