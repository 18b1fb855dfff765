//! A fingerprint of a dataset's list of rows, for run records and reports.

use super::{Record, Split};

/// BLAKE3 (hex) of ids, labels, groups, splits and targets in their order: two runs with the same
/// fingerprint saw the same rows with the same labels. The files' content is not read.
pub fn fingerprint(records: &[Record], classes: &[String]) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for class in classes {
        field(class.as_bytes());
    }
    for record in records {
        field(record.id.as_bytes());
        field(&record.label.map_or([0xff; 8], |l| u64::from(l).to_le_bytes()));
        field(record.group.as_deref().unwrap_or("\0").as_bytes());
        field(match record.split {
            None => b"-",
            Some(Split::Train) => b"train",
            Some(Split::Valid) => b"valid",
            Some(Split::Test) => b"test",
        });
        if let Some(target) = record.target {
            field(&target.to_le_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_of_a_row_changes_the_fingerprint() {
        let base = Record { id: "a".into(), label: None, group: None, split: None, target: None };
        let variants = [
            base.clone(),
            Record { id: "b".into(), ..base.clone() },
            Record { label: Some(0), ..base.clone() },
            Record { group: Some("g".into()), ..base.clone() },
            Record { split: Some(Split::Test), ..base.clone() },
            Record { target: Some(1.0), ..base },
        ];
        let mut prints: Vec<String> = variants.iter().map(|r| fingerprint(std::slice::from_ref(r), &[])).collect();
        assert_eq!(prints[0], fingerprint(&variants[..1], &[]));
        prints.sort();
        prints.dedup();
        assert_eq!(prints.len(), 6);
    }
}
