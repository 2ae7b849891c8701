"""How the embedded tiny CLIP (`assets/tiny_clip`) is made: states, frames, graded captions, training, data card.

Remake it with ``python -m agents.tiny_clip.train``; nothing at run time imports this package.
"""
