//! Checks for tests: well-formed markup, finite coordinates, texts that do not overlap.

/// Every element is closed in order, and no attribute is left open. HTML's void elements are let through.
pub fn well_formed(markup: &str) {
    let void = ["meta", "img", "br", "link", "hr", "col"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = markup;
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "stray > in {:?}", &rest[..start]);
        rest = &rest[start + 1..];
        let end = tag_end(rest);
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if tag.starts_with('!') {
            continue;
        }
        let name = tag.trim_start_matches('/').split_whitespace().next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closing </{name}> in the wrong place");
        } else if name == "style" {
            rest = &rest[rest.find("</style>").expect("a style is closed") + 8..];
        } else if !void.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

/// The end of a tag, over quoted attributes.
fn tag_end(rest: &str) -> usize {
    let mut quoted = false;
    for (index, letter) in rest.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '>' if !quoted => return index,
            '<' => assert!(quoted, "a tag within a tag: {rest:.80}"),
            _ => {}
        }
    }
    panic!("a tag is not closed: {rest:.80}")
}

/// No coordinate is NaN or infinite.
pub fn no_nan(markup: &str) {
    for bad in ["NaN", "inf\"", "inf,", "inf "] {
        assert!(!markup.contains(bad), "{bad} in {markup}");
    }
}

/// The boxes of all texts of one picture, estimated from their lengths, do not overlap.
pub fn texts_do_not_overlap(markup: &str) {
    for picture in markup.split("<svg").skip(1) {
        let boxes: Vec<_> = picture.split("<text").skip(1).map(text_box).collect();
        for (index, a) in boxes.iter().enumerate() {
            for b in &boxes[..index] {
                let same_row = (a.2 - b.2).abs() < 11.0;
                assert!(!(same_row && a.0 < b.1 && b.0 < a.1), "{:?} overlaps {:?}", a.3, b.3);
            }
        }
    }
}

/// Left, right, baseline and content of a text, at 6.4 pixels a letter.
fn text_box(text: &str) -> (f64, f64, f64, String) {
    let attribute = |name: &str| {
        text.split(&format!(" {name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).map(str::to_string)
    };
    let number = |name| attribute(name).unwrap().parse::<f64>().unwrap();
    let content = text[tag_end(text) + 1..].split('<').next().unwrap().to_string();
    let width = content.chars().count() as f64 * 6.4;
    let left = match attribute("text-anchor").as_deref() {
        Some("end") => number("x") - width,
        Some("middle") => number("x") - width / 2.0,
        _ => number("x"),
    };
    (left, left + width, number("y"), content)
}
