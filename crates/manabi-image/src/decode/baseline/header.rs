//! What stands before the scan of a JPEG file: sizes, samplings and tables.

use super::huffman::Codes;

/// A file whose scan can be decoded here.
pub struct Header<'a> {
    /// Columns and rows of pixels.
    pub size: (usize, usize),
    /// Grey, or luma and two chromas.
    pub components: Vec<Component>,
    /// Units of the scan between restart markers.
    pub restart: Option<usize>,
    /// The bytes from the scan on.
    pub scan: &'a [u8],
    /// Codes of the lowest frequency.
    pub dc: [Option<Codes>; 4],
    /// Codes of the others.
    pub ac: [Option<Codes>; 4],
}

/// One component.
#[derive(Clone)]
pub struct Component {
    id: u8,
    /// Blocks in a unit of the scan: across and down, one or two.
    pub blocks: (usize, usize),
    /// What the whole numbers in the file are multiplied by, in the order of the file.
    pub steps: [u16; 64],
    quantiser: usize,
    /// Which of the [`Header::dc`] codes.
    pub dc: usize,
    /// Which of the [`Header::ac`] codes.
    pub ac: usize,
}

impl<'a> Header<'a> {
    /// The header of the file `bytes`.
    ///
    /// `None` for progressive, arithmetic, lossless and hierarchical files, 12 bits, more than one scan, colours other
    /// than grey and luma with two chromas, samplings by more than two, and whatever is damaged.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
        let (mut dc, mut ac) = ([const { None }; 4], [const { None }; 4]);
        let mut quantisers = [None; 4];
        let mut frame = None;
        let mut restart = None;
        loop {
            rest = rest.strip_prefix(&[0xff])?;
            let fill = rest.iter().position(|b| *b != 0xff)?;
            let (marker, after) = rest.get(fill..)?.split_first()?;
            let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
            let body = after.get(2..length)?;
            rest = after.get(length..)?;
            match marker {
                0xc0 | 0xc1 if frame.is_none() => frame = Some(read_frame(body)?),
                0xc4 => read_codes(body, &mut dc, &mut ac)?,
                0xdb => read_quantisers(body, &mut quantisers)?,
                0xdd => restart = Some(usize::from(u16::from_be_bytes(body.try_into().ok()?))).filter(|n| *n > 0),
                0xda => {
                    let (size, mut components) = frame?;
                    read_scan(body, &mut components)?;
                    for component in &mut components {
                        component.steps = quantisers.get(component.quantiser).copied()??;
                        dc.get(component.dc)?.as_ref().filter(|codes: &&Codes| codes.symbols_up_to(15))?;
                        ac.get(component.ac)?.as_ref()?;
                    }
                    return Some(Self { size, components, restart, scan: rest, dc, ac });
                }
                // Adobe's note on colours: only luma and chroma are known here.
                0xee if body.starts_with(b"Adobe") && body.get(11) != Some(&1) => return None,
                // Notes and comments.
                0xe0..=0xef | 0xfe => {}
                _ => return None,
            }
        }
    }

    /// The most blocks that a component has in a unit of the scan, across and down.
    pub fn most_blocks(&self) -> (usize, usize) {
        let most = |side: fn(&Component) -> usize| self.components.iter().map(side).max().unwrap_or(1);
        (most(|c| c.blocks.0), most(|c| c.blocks.1))
    }
}

fn read_frame(body: &[u8]) -> Option<((usize, usize), Vec<Component>)> {
    let (&[8, y1, y0, x1, x0, count], components) = body.split_first_chunk()? else { return None };
    let size = [[x1, x0], [y1, y0]].map(|side| usize::from(u16::from_be_bytes(side)));
    let parts = components.as_chunks::<3>();
    if size.contains(&0) || ![1, 3].contains(&count) || components.len() != 3 * usize::from(count) {
        return None;
    }
    let mut components: Vec<Component> = parts.0.iter().map(read_component).collect::<Option<_>>()?;
    match components.as_mut_slice() {
        // The blocks of a component that is alone come one by one.
        [grey] => grey.blocks = (1, 1),
        [r, g, b] if [r.id, g.id, b.id] == *b"RGB" => return None,
        // No more than ten blocks may be in a unit.
        several if several.iter().map(|c| c.blocks.0 * c.blocks.1).sum::<usize>() > 10 => return None,
        _ => {}
    }
    Some(((size[0], size[1]), components))
}

fn read_component(&[id, blocks, quantiser]: &[u8; 3]) -> Option<Component> {
    let blocks = (usize::from(blocks >> 4), usize::from(blocks & 15));
    let allowed = (1..=2).contains(&blocks.0) && (1..=2).contains(&blocks.1);
    allowed.then(|| Component { id, blocks, steps: [0; 64], quantiser: usize::from(quantiser), dc: 0, ac: 0 })
}

/// One scan must hold all components, in order, and all frequencies.
fn read_scan(body: &[u8], components: &mut [Component]) -> Option<()> {
    let (count, body) = body.split_first()?;
    let (which, frequencies) = body.as_chunks::<2>();
    let [chosen @ .., [0, 63]] = which else { return None };
    if usize::from(*count) != components.len() || chosen.len() != components.len() || frequencies != [0] {
        return None;
    }
    for (component, [id, tables]) in components.iter_mut().zip(chosen) {
        (component.dc, component.ac) = (usize::from(tables >> 4), usize::from(tables & 15));
        (component.id == *id).then_some(())?;
    }
    Some(())
}

fn read_codes(mut body: &[u8], dc: &mut [Option<Codes>; 4], ac: &mut [Option<Codes>; 4]) -> Option<()> {
    while let Some((kind, rest)) = body.split_first() {
        let (counts, rest) = rest.split_first_chunk::<16>()?;
        let (symbols, rest) = rest.split_at_checked(counts.iter().map(|c| usize::from(*c)).sum())?;
        let tables = match kind >> 4 {
            0 => &mut *dc,
            1 => &mut *ac,
            _ => return None,
        };
        *tables.get_mut(usize::from(kind & 15))? = Some(Codes::new(counts, symbols)?);
        body = rest;
    }
    Some(())
}

fn read_quantisers(mut body: &[u8], quantisers: &mut [Option<[u16; 64]>; 4]) -> Option<()> {
    while let Some((kind, rest)) = body.split_first() {
        let mut steps = [0; 64];
        let width = match kind >> 4 {
            0 => 1,
            1 => 2,
            _ => return None,
        };
        let (values, rest) = rest.split_at_checked(64 * width)?;
        for (step, value) in steps.iter_mut().zip(values.chunks_exact(width)) {
            *step = value.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte));
        }
        *quantisers.get_mut(usize::from(kind & 15))? = Some(steps);
        body = rest;
    }
    Some(())
}
