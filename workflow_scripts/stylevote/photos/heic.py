"""Let Pillow open HEIC, a format of telephones. Importing this module needs a further package."""

from pillow_heif import register_heif_opener

register_heif_opener(thumbnails=False)
