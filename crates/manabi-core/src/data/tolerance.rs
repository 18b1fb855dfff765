//! How many unreadable files a dataset may have.

use super::{DataSpec, Skipped, first_few};
use crate::{Error, Result};

/// An error once more than [`DataSpec::max_bad`] of `total` files cannot be read; it names the first ones with their
/// reasons. A single file that is all there is speaks for itself.
pub fn tolerate(skipped: &[Skipped], total: usize, spec: &DataSpec) -> Result<()> {
    if skipped.len() as f64 <= spec.max_bad * total as f64 {
        return Ok(());
    }
    if let ([only], 1) = (skipped, total) {
        let path = if spec.path.is_dir() { spec.path.join(&only.id) } else { spec.path.clone() };
        return Err(Error::file(path, only.reason.clone()));
    }
    let named: Vec<String> = skipped.iter().map(|s| format!("{} ({})", s.id, s.reason)).collect();
    Err(Error::data(format!(
        "{}: at least {} of {total} files cannot be read, more than max_bad = {} % allows; mend or remove them, or \
         allow more with --max-bad: {}",
        spec.path.display(),
        skipped.len(),
        spec.max_bad * 100.0,
        first_few(&named)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_tolerated_more_are_named_and_one_alone_speaks_for_itself() {
        let bad = |id: &str| Skipped { id: id.into(), reason: "broken".into() };
        let spec = DataSpec { max_bad: 0.5, ..DataSpec::new("data") };
        assert!(tolerate(&[bad("a")], 2, &spec).is_ok() && tolerate(&[], 0, &spec).is_ok());
        let message = tolerate(&[bad("a"), bad("b")], 3, &spec).unwrap_err().to_string();
        assert!(
            message.contains("2 of 3 files") && message.contains("50 %") && message.contains("b (broken)"),
            "{message}"
        );
        assert_eq!(tolerate(&[bad("a")], 1, &spec).unwrap_err().to_string(), "data: broken");
    }
}
