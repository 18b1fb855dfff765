//! The cells of a table's records, which may run over several lines within quotes.

/// A record of more bytes or lines has a quote that was never closed.
const LARGEST: usize = 32 << 20;
const MOST_LINES: u64 = 20_000;

/// How cells are set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    /// Between cells.
    pub separator: char,
    /// True if a quote at the beginning of a cell keeps separators and line ends within it.
    pub quotes: bool,
}

impl Dialect {
    /// How the table that begins with `lines` is written; `tabs` if its name says that tabs are between its cells.
    ///
    /// Tables with tabs are written without quoting: a quote in them is a character.
    pub fn of(lines: &[String], tabs: bool) -> Self {
        let lines: Vec<&String> = lines.iter().filter(|l| !l.trim().is_empty()).take(20).collect();
        let first = lines.first().map_or("", |l| l.as_str());
        if tabs || (!lines.is_empty() && lines.iter().all(|l| l.contains('\t'))) {
            return Self { separator: '\t', quotes: false };
        }
        // What stands within quotes is no separator.
        let count = |wanted: char| {
            let mut within = false;
            let outside = first.chars().filter(|c| {
                within ^= *c == '"';
                *c == wanted && !within
            });
            outside.count()
        };
        let separator = [';', '|'].into_iter().find(|c| count(*c) > count(',')).unwrap_or(',');
        Self { separator, quotes: true }
    }
}

/// A record under way.
#[derive(Debug, Default)]
pub(super) struct Record {
    cells: Vec<String>,
    /// Within quotes, since that line.
    open: Option<u64>,
    /// The line where the record begins.
    start: u64,
    bytes: usize,
}

impl Record {
    /// Takes line `number`; the cells and the line where they began if the record ends with it.
    ///
    /// # Errors
    /// If a quote is not closed where it should be; the message names the line where it opened.
    pub fn line(&mut self, line: &str, number: u64, dialect: Dialect) -> Result<Option<(u64, Vec<String>)>, String> {
        let mut chars = line.chars().peekable();
        if self.open.is_some() {
            if let Some(cell) = self.cells.last_mut() {
                cell.push('\n');
            }
        } else {
            (self.start, self.bytes) = (number, 0);
            self.begin(&mut chars, number, dialect);
        }
        self.bytes += line.len();
        while let Some(c) = chars.next() {
            let Some(cell) = self.cells.last_mut() else { break };
            match self.open {
                None if c == dialect.separator => self.begin(&mut chars, number, dialect),
                None => cell.push(c),
                Some(_) if c != '"' => cell.push(c),
                Some(_) if chars.next_if_eq(&'"').is_some() => cell.push('"'),
                Some(since) => match after_blanks(&chars) {
                    None => self.close(&mut chars),
                    Some(next) if next == dialect.separator => self.close(&mut chars),
                    // Some write a quote within quotes once only. In a later line it is that of another cell.
                    Some(_) if since == number => cell.push('"'),
                    Some(_) => return Err(unclosed(since)),
                },
            }
        }
        match self.open {
            None => Ok(Some((self.start, std::mem::take(&mut self.cells)))),
            Some(since) if self.bytes > LARGEST || number - since > MOST_LINES => Err(unclosed(since)),
            Some(_) => Ok(None),
        }
    }

    fn begin(&mut self, chars: &mut std::iter::Peekable<std::str::Chars<'_>>, number: u64, dialect: Dialect) {
        self.cells.push(String::new());
        if dialect.quotes && after_blanks(chars) == Some('"') {
            while chars.next_if_eq(&' ').is_some() {}
        }
        if dialect.quotes && chars.next_if_eq(&'"').is_some() {
            self.open = Some(number);
        }
    }

    /// Ends a cell within quotes; blanks behind it are none of its.
    fn close(&mut self, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
        self.open = None;
        while chars.next_if_eq(&' ').is_some() {}
    }

    /// True outside of quotes.
    pub fn is_closed(&self) -> bool {
        self.open.is_none()
    }

    /// An error if the file ends within quotes.
    pub fn end(&self) -> Result<(), String> {
        self.open.map_or(Ok(()), |since| Err(unclosed(since)))
    }
}

/// What comes next but for blanks.
fn after_blanks(chars: &std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    chars.clone().find(|c| *c != ' ')
}

fn unclosed(since: u64) -> String {
    format!("line {since}: a quote is opened there and not closed; close it, or double it where a quote is meant")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CSV: Dialect = Dialect { separator: ',', quotes: true };

    fn records(text: &str, dialect: Dialect) -> Result<Vec<Vec<String>>, String> {
        let (mut record, mut all) = (Record::default(), Vec::new());
        for (number, line) in (1..).zip(text.split('\n')) {
            all.extend(record.line(line, number, dialect)?.map(|(_, cells)| cells));
        }
        record.end().map(|()| all)
    }

    #[test]
    fn quotes_keep_separators_lines_and_doubled_quotes() {
        let found = records("1,\"a, \"\"b\"\"\nc\",d\nx,5\" pipe,\"\"", CSV).unwrap();
        assert_eq!(found, [vec!["1", "a, \"b\"\nc", "d"], vec!["x", "5\" pipe", ""]]);
        assert_eq!(records("\"he said \"yes\" twice\",1", CSV).unwrap(), [vec!["he said \"yes\" twice", "1"]]);
        assert_eq!(records("1, \"a, b\" , c", CSV).unwrap(), [vec!["1", "a, b", " c"]]);
        let tabs = Dialect { separator: '\t', quotes: false };
        assert_eq!(records("\"a\tb", tabs).unwrap(), [vec!["\"a", "b"]]);
    }

    #[test]
    fn a_quote_that_is_not_closed_is_named_by_its_line() {
        assert!(records("a,b\nc,\"d\ne,f\n", CSV).unwrap_err().contains("line 2: a quote is opened"));
        assert!(records("a,b\nc,\"d\ne,\"f\"\ng,h\n", CSV).unwrap_err().contains("line 2: a quote is opened"));
        let long = format!("c,\"d\n{}", "e,f\n".repeat(30_000));
        assert!(records(&long, CSV).unwrap_err().contains("line 1"));
    }

    #[test]
    fn separators_are_known_by_the_first_lines() {
        let of = |lines: &[&str]| Dialect::of(&lines.iter().map(|l| (*l).to_string()).collect::<Vec<_>>(), false);
        assert_eq!(of(&["a,\"b;c;d\"", "1,2"]).separator, ',');
        assert_eq!(of(&["label;text", "1;well, then"]).separator, ';');
        assert_eq!(of(&["a\tb, c", "", "d\te"]), Dialect { separator: '\t', quotes: false });
        assert_eq!(of(&[]), CSV);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            rows in proptest::collection::vec(proptest::collection::vec("[ -~\n]{0,8}", 1..4), 1..6),
        ) {
            let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let text: Vec<String> = rows.iter().map(|r| r.iter().map(quoted).collect::<Vec<_>>().join(",")).collect();
            prop_assert_eq!(records(&text.join("\n"), CSV).unwrap(), rows);
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), separator in any::<char>(), quotes in any::<bool>()) {
            let _ = (records(&text, CSV), records(&text, Dialect { separator, quotes }));
            let _ = Dialect::of(&text.lines().map(str::to_string).collect::<Vec<_>>(), false);
        }
    }
}
