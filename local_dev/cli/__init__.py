"""The commands for sample data and stand-ins, added to `movielens`."""

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
            "Generate, download or upload sample data.",
            {
                "generate": (
                    "local_dev.cli.data:generate",
                    "Generate MovieLens-shaped data, seeded, at any scale.",
                ),
                "download": (
                    "local_dev.cli.data:download",
                    "Download an official release and verify its checksum.",
                ),
                "upload": (
                    "local_dev.cli.data:upload",
                    "Upload a folder of MovieLens files to S3.",
                ),
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
