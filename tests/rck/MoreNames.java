package org.apache.iceberg.rest;

import org.junit.jupiter.api.AfterAll;

/** The kit's tests of names that its reference server cannot have, and that ours can. */
public class MoreNames extends RESTCompatibilityKitCatalogTests {
  @Override
  protected boolean supportsNestedNamespaces() {
    return true;
  }

  @Override
  protected boolean supportsNamesWithSlashes() {
    return true;
  }

  // Each class of the kit wants the catalog to be empty at first.
  @AfterAll
  static void leaveNothing() throws Exception {
    try (RESTCatalog catalog = RCKUtils.initCatalogClient()) {
      RCKUtils.purgeCatalogTestEntries(catalog);
    }
  }
}
