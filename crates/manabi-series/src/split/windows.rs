//! The split of one recording whose windows got their labels one by one.

use manabi_core::data::{Entry, Listing, Split};

use super::TRAIN_SHARE;

/// Splits the windows of one recording that got their labels one by one: drawn window by window, neighbours that share
/// values would stand on both sides. Windows across the border are left out. `None` where a side would be empty.
pub fn windows_by_position(listing: &mut Listing, owners: &mut Vec<usize>) -> Option<String> {
    if listing.entries.iter().any(|e| e.split.is_some()) {
        return None;
    }
    let end = listing.entries.iter().filter_map(|e| Some(e.part.as_ref()?.end)).max()?;
    let border = (end as f64 * TRAIN_SHARE) as u64;
    let side = |entry: &Entry| match entry.part.as_ref()? {
        part if part.end <= border => Some(Split::Train),
        part if part.start >= border => Some(Split::Test),
        _ => None,
    };
    let sides: Vec<Option<Split>> = listing.entries.iter().map(side).collect();
    if ![Split::Train, Split::Test].iter().all(|wanted| sides.contains(&Some(*wanted))) {
        return None;
    }
    let mut kept = sides.iter().map(Option::is_some);
    owners.retain(|_| kept.next().unwrap_or(false));
    let all = listing.entries.len();
    let entries = std::mem::take(&mut listing.entries).into_iter().zip(sides);
    listing.entries = entries.filter_map(|(e, split)| Some(Entry { split: Some(split?), ..e })).collect();
    Some(format!(
        "the windows are of one recording, so the split is by position: the first 70 % of it train, the last 30 % test, \
         {} windows across the border are left out",
        all - listing.entries.len()
    ))
}
