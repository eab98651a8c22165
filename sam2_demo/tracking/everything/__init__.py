"""Finding everything that a picture shows, by clicking on a grid."""
