"""What hardware can do: facts with their sources."""

from danlu.compute.catalogue.cells import cluster_of, num_devices_in
from danlu.compute.catalogue.cluster import Cluster
from danlu.compute.catalogue.cpu import ISAS, Isa, cpu
from danlu.compute.catalogue.device import ELEMENT_BYTES, PRECISIONS, Device, Precision
from danlu.compute.catalogue.names import CATALOGUE, EVERYTHING, find, lookup, rivals
from danlu.compute.catalogue.prices import Price

__all__ = [
    "CATALOGUE",
    "ELEMENT_BYTES",
    "EVERYTHING",
    "ISAS",
    "PRECISIONS",
    "Cluster",
    "Device",
    "Isa",
    "Precision",
    "Price",
    "cluster_of",
    "cpu",
    "find",
    "lookup",
    "num_devices_in",
    "rivals",
]
