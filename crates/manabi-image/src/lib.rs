//! Images for manabi: sources, augmentations, encoders and pretext transformations.
