//! Lines of a table, cell by cell, without holding more than one line.

use std::{io::BufRead, ops::Range};

use super::dialect::{Dialect, Separator};

/// Longer lines are refused: a line of a UCR file has some ten thousand bytes.
const MAX_LINE: usize = 64 << 20;

/// A table that is read line by line.
pub struct Table<R> {
    reader: R,
    dialect: Dialect,
    line: Vec<u8>,
    spans: Vec<Range<usize>>,
    number: u64,
}

impl<R: BufRead> Table<R> {
    /// A table in `dialect`; its header, if it has one, is stepped over.
    pub fn new(reader: R, dialect: Dialect) -> Result<Self, String> {
        let header = dialect.header.is_some();
        let mut table = Self { reader, dialect, line: Vec::new(), spans: Vec::new(), number: 0 };
        if header {
            table.advance()?;
        }
        Ok(table)
    }

    /// Goes to the next line that is neither empty nor a remark; false at the end.
    pub fn advance(&mut self) -> Result<bool, String> {
        loop {
            self.line.clear();
            let mut limited = std::io::Read::take(&mut self.reader, MAX_LINE as u64);
            let count = limited.read_until(b'\n', &mut self.line).map_err(|e| format!("cannot be read: {e}"))?;
            if count == 0 {
                return Ok(false);
            }
            if count == MAX_LINE {
                return Err(format!("line {}: longer than {} MiB", self.number + 1, MAX_LINE >> 20));
            }
            self.number += 1;
            if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            if !is_remark(&self.line) {
                break;
            }
        }
        split(&self.line, self.dialect.separator, &mut self.spans).map_err(|e| format!("line {}: {e}", self.number))?;
        Ok(true)
    }

    /// How the table is written.
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// Number of the line, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Number of cells of the line.
    pub fn cells(&self) -> usize {
        self.spans.len()
    }

    /// A cell of the line without blanks and quotes around it; empty beyond the last one.
    pub fn cell(&self, index: usize) -> &[u8] {
        self.spans.get(index).and_then(|span| self.line.get(span.clone())).unwrap_or_default()
    }
}

/// True for what is no line of data: empty, or beginning with `#` or `%`.
pub fn is_remark(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.is_empty() || line[0] == b'#' || line[0] == b'%'
}

/// Where the cells of a line begin and end, quotes and blanks around them left out.
pub fn split(line: &[u8], separator: Separator, spans: &mut Vec<Range<usize>>) -> Result<(), String> {
    spans.clear();
    let end = line.len() - line.iter().rev().take_while(|b| matches!(b, b'\n' | b'\r')).count();
    let line = &line[..end];
    let mut at = 0;
    match separator {
        Separator::Blanks => {
            for word in line.split(|b| *b == b' ' || *b == b'\t') {
                if !word.is_empty() {
                    spans.push(at..at + word.len());
                }
                at += word.len() + 1;
            }
        }
        Separator::Byte(byte) if line.contains(&b'"') => {
            let (mut start, mut quoted) = (0, false);
            for (at, found) in line.iter().enumerate() {
                match found {
                    b'"' => quoted = !quoted,
                    b if *b == byte && !quoted => {
                        spans.push(trimmed(line, start..at));
                        start = at + 1;
                    }
                    _ => {}
                }
            }
            if quoted {
                return Err("a quote is not closed before the line ends".into());
            }
            spans.push(trimmed(line, start..line.len()));
        }
        Separator::Byte(byte) => {
            for cell in line.split(|b| *b == byte) {
                spans.push(trimmed(line, at..at + cell.len()));
                at += cell.len() + 1;
            }
        }
    }
    Ok(())
}

fn trimmed(line: &[u8], span: Range<usize>) -> Range<usize> {
    let Range { mut start, mut end } = span;
    let blank = |b: u8| b == b' ' || b == b'\t';
    while start < end && blank(line[start]) {
        start += 1;
    }
    while start < end && blank(line[end - 1]) {
        end -= 1;
    }
    if end - start >= 2 && line[start] == b'"' && line[end - 1] == b'"' {
        (start, end) = (start + 1, end - 1);
    }
    start..end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(text: &str, separator: Separator) -> Table<&[u8]> {
        let dialect = Dialect { separator, header: None, comma: false };
        Table::new(text.as_bytes(), dialect).unwrap()
    }

    fn all(text: &str, separator: Separator) -> Result<Vec<Vec<String>>, String> {
        let mut table = table(text, separator);
        let mut rows = Vec::new();
        while table.advance()? {
            let cells = (0..table.cells()).map(|c| String::from_utf8_lossy(table.cell(c)).into_owned());
            rows.push(cells.collect());
        }
        Ok(rows)
    }

    #[test]
    fn quotes_blanks_remarks_and_line_ends_are_stepped_over() {
        let rows = all("\u{feff}a, \"b,c\" ,d\r\n\n# remark\n1,,3", Separator::Byte(b',')).unwrap();
        assert_eq!(rows, [["a", "b,c", "d"], ["1", "", "3"]]);
        assert_eq!(all("  1 2\t 3  \n", Separator::Blanks).unwrap(), [["1", "2", "3"]]);
    }

    #[test]
    fn an_open_quote_names_its_line() {
        assert_eq!(
            all("1,2\n\"1,2\n", Separator::Byte(b',')).unwrap_err(),
            "line 2: a quote is not closed before the line ends"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), byte in any::<u8>()) {
            for separator in [Separator::Byte(byte), Separator::Blanks] {
                let dialect = Dialect { separator, header: None, comma: false };
                let mut table = Table::new(bytes.as_slice(), dialect).unwrap();
                while let Ok(true) = table.advance() {
                    let _ = table.cell(table.cells());
                }
            }
        }

        #[test]
        fn cells_are_read_back(
            rows in proptest::collection::vec(proptest::collection::vec("[a-z0-9.]{1,5}", 2..6), 1..6),
        ) {
            let kinds = [(Separator::Byte(b';'), " ; "), (Separator::Byte(b'\t'), "\t"), (Separator::Blanks, "  ")];
            for (separator, glue) in kinds {
                let text: String = rows.iter().map(|r| r.join(glue) + "\n").collect();
                prop_assert_eq!(&all(&text, separator).unwrap(), &rows);
            }
        }
    }
}
