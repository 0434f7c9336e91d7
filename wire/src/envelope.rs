//! Splitting the frames of a message into its parts.

use serde::Deserialize;

use crate::HeaderView;

/// The frame between the routing identities and the signature.
pub const DELIMITER: &[u8] = b"<IDS|MSG>";

/// The parts of a message that are JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Who sent which message when.
    Header,
    /// The header of the request that this answers.
    Parent,
    /// What schedulers read.
    Metadata,
    /// What the receiver reads.
    Content,
}

impl std::fmt::Display for Part {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Part::Header => "header",
            Part::Parent => "parent header",
            Part::Metadata => "metadata",
            Part::Content => "content",
        })
    }
}

/// Why some frames are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// No frame equals [`DELIMITER`].
    #[error("none of the {frames} frames is the delimiter <IDS|MSG>")]
    NoDelimiter {
        /// How many frames there are.
        frames: usize,
    },
    /// Fewer than five frames after the delimiter.
    #[error(
        "{found} frames follow the delimiter; signature, header, parent header, metadata and content make 5"
    )]
    TooShort {
        /// How many frames follow the delimiter.
        found: usize,
    },
    /// A part is not the JSON that is expected there.
    #[error("the {part} is not as expected: {reason}")]
    Json {
        /// Which part.
        part: Part,
        /// What the parser says.
        reason: String,
    },
}

/// A message's frames, borrowed and named. Nothing is parsed or copied.
#[derive(Debug)]
pub struct Envelope<'a, F> {
    /// Routing identities, outermost first.
    pub idents: &'a [F],
    /// Lowercase hexadecimal signature, or empty.
    pub signature: &'a [u8],
    /// JSON, see [`HeaderView`].
    pub header: &'a [u8],
    /// JSON: the request's header, or `{}`.
    pub parent: &'a [u8],
    /// JSON object.
    pub metadata: &'a [u8],
    /// JSON object.
    pub content: &'a [u8],
    /// Raw buffers.
    pub buffers: &'a [F],
}

// Not derived: that would demand Clone and Copy of the frames, which are only borrowed.
impl<F> Clone for Envelope<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Envelope<'_, F> {}

impl<'a, F: AsRef<[u8]>> Envelope<'a, F> {
    /// Split at the first frame that equals [`DELIMITER`].
    pub fn split(frames: &'a [F]) -> Result<Envelope<'a, F>, EnvelopeError> {
        let place = frames.iter().position(|frame| frame.as_ref() == DELIMITER);
        let Some(place) = place else {
            return Err(EnvelopeError::NoDelimiter { frames: frames.len() });
        };
        let idents = frames.get(..place).unwrap_or_default();
        let rest = frames.get(place + 1..).unwrap_or_default();
        let [signature, header, parent, metadata, content, buffers @ ..] = rest else {
            return Err(EnvelopeError::TooShort { found: rest.len() });
        };
        Ok(Envelope {
            idents,
            signature: signature.as_ref(),
            header: header.as_ref(),
            parent: parent.as_ref(),
            metadata: metadata.as_ref(),
            content: content.as_ref(),
            buffers,
        })
    }

    /// The four signed parts in the order in which they are signed.
    pub fn signed_parts(&self) -> [&'a [u8]; 4] {
        [self.header, self.parent, self.metadata, self.content]
    }

    /// What routing needs of the header.
    pub fn header_view(&self) -> Result<HeaderView<'a>, EnvelopeError> {
        self.parse(Part::Header)
    }

    /// What routing needs of the parent header; an error when there is no parent (`{}`).
    pub fn parent_view(&self) -> Result<HeaderView<'a>, EnvelopeError> {
        self.parse(Part::Parent)
    }

    /// Parse one part, borrowing from it where the type allows.
    pub fn parse<T: Deserialize<'a>>(&self, part: Part) -> Result<T, EnvelopeError> {
        let bytes = match part {
            Part::Header => self.header,
            Part::Parent => self.parent,
            Part::Metadata => self.metadata,
            Part::Content => self.content,
        };
        serde_json::from_slice(bytes).map_err(|error| EnvelopeError::Json { part, reason: error.to_string() })
    }

    /// Parse the content.
    pub fn content<T: Deserialize<'a>>(&self) -> Result<T, EnvelopeError> {
        self.parse(Part::Content)
    }

    /// Parse the metadata.
    pub fn metadata<T: Deserialize<'a>>(&self) -> Result<T, EnvelopeError> {
        self.parse(Part::Metadata)
    }
}
