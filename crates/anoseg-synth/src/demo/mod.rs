//! Made-up parts with drawn defects, so that the program can be tried without any data.
