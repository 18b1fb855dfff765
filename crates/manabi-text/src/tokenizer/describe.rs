//! What a tokeniser says of its tokens: marks, and which of them begin a word.

/// The marks of a vocabulary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// What stands before a text (`[CLS]`, `<s>`).
    pub before: Vec<u32>,
    /// What stands after it (`[SEP]`, `</s>`).
    pub after: Vec<u32>,
    /// In the place of a hidden token (`[MASK]`).
    pub mask: Option<u32>,
    /// In the place of a token that is not there, at the end of a shorter text.
    pub pad: u32,
    /// All of them, sorted: nothing that was written.
    pub all: Vec<u32>,
}

impl Marks {
    /// True if `id` is one.
    pub fn is(&self, id: u32) -> bool {
        self.all.binary_search(&id).is_ok()
    }
}

/// What is known of a vocabulary.
pub(super) struct Description {
    pub marks: Marks,
    /// By number: true where a token begins a word.
    pub begins: Vec<bool>,
}

impl Description {
    /// Of `tokenizer`; the error is the reason alone.
    pub fn of(tokenizer: &tokenizers::Tokenizer) -> Result<Self, String> {
        let vocabulary = tokenizer.get_vocab(true);
        let size = vocabulary.values().max().map_or(0, |most| *most as usize + 1);
        if size < 8 || size > 4 * vocabulary.len() + 1024 {
            return Err(format!("holds {} tokens with numbers up to {size}", vocabulary.len()));
        }
        let any = |names: &[&str]| names.iter().find_map(|name| tokenizer.token_to_id(name));
        let encoded = tokenizer.encode_fast("", true).map_err(|e| format!("cannot mark a text: {e}"))?;
        let frame = encoded.get_ids();
        let (before, after) = frame.split_at(frame.len().div_ceil(2));
        let mut all: Vec<u32> =
            tokenizer.get_added_tokens_decoder().into_iter().filter(|t| t.1.special).map(|t| t.0).collect();
        all.extend(frame);
        all.sort_unstable();
        all.dedup();
        let marks = Marks {
            before: before.to_vec(),
            after: after.to_vec(),
            mask: any(&["[MASK]", "<mask>"]),
            pad: any(&["[PAD]", "<pad>"]).unwrap_or(0),
            all,
        };
        let mut begins = vec![true; size];
        // Of three ways to write it only one occurs in a vocabulary of some size.
        let inner = vocabulary.keys().filter(|t| t.starts_with("##")).count();
        let starts = |mark: char| vocabulary.keys().filter(|t| t.starts_with(mark)).count();
        let (spaces, bars) = (starts('Ġ'), starts('▁'));
        for (token, id) in &vocabulary {
            let first = if inner > spaces.max(bars) {
                !token.starts_with("##")
            } else if spaces.max(bars) == 0 {
                true
            } else {
                token.starts_with(if spaces >= bars { 'Ġ' } else { '▁' })
            };
            begins[*id as usize] = first || marks.is(*id);
        }
        Ok(Self { marks, begins })
    }
}
