"""What people look at: figures, pictures and the pages that they stand on."""
