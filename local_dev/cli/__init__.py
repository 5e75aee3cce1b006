"""The commands that sample data and the stand-ins add to `movielens`."""

from __future__ import annotations

from ingestion.cli import Plugin

PLUGIN = Plugin(
    commands={
        "demo": (
            "local_dev.cli.demo:demo",
            "From nothing to a published dashboard on sample data.",
        ),
    },
    groups={
        "data": (
            "Make or fetch sample data.",
            {
                "generate": (
                    "local_dev.cli.data:generate",
                    "Make MovieLens-shaped data, seeded, at any scale.",
                ),
                "download": (
                    "local_dev.cli.data:download",
                    "Fetch an official release, checksum verified.",
                ),
                "upload": ("local_dev.cli.data:upload", "Put a folder of MovieLens files on S3."),
            },
        ),
        "dev": (
            "Start the local stand-ins.",
            {
                "s3": ("local_dev.cli.servers:s3", "Start a stand-in for S3 on this machine."),
                "snowflake": (
                    "local_dev.cli.servers:snowflake",
                    "Start a stand-in for Snowflake on this machine.",
                ),
            },
        ),
    },
)
