"""A comparison as one self-contained HTML page. A section is a module, its template and its row in `SECTIONS`."""

from stillmotion.reports.anomaly import write_anomaly_report
from stillmotion.reports.records import Record, read_record
from stillmotion.reports.writing import render_report, write_report, write_summary

__all__ = ["Record", "read_record", "render_report", "write_anomaly_report", "write_report", "write_summary"]
