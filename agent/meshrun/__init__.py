"""meshrun: an unmodified Python program joins the service mesh, in process."""

__version__ = "0.1.0"
